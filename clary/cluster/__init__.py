"""Jobs on a Ray cluster: each host of a job runs on one of its nodes, and looks from here like a program of ours."""
