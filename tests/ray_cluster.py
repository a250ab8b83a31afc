"""Two Ray nodes on this machine, until standard input ends: `ray_cluster.py PORT`, run by test_cluster.py."""

import sys

from ray.cluster_utils import Cluster

NODE = {"num_cpus": 2, "object_store_memory": 80 << 20}

if __name__ == "__main__":
    head = {**NODE, "include_dashboard": False, "ray_client_server_port": int(sys.argv[1])}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    second = cluster.add_node(**NODE)
    print("ready", flush=True)
    for line in sys.stdin:
        if line == "lose the second\n":
            cluster.remove_node(second, allow_graceful=False)
    cluster.shutdown()
