"""IP Insights: is this login really our user's? Learns where users log in from and flags a stranger. See steps.py."""

from ipaddress import IPv4Address

import numpy as np
from steps import as_csv, deployed, metrics, train

USERS, LOGINS = 200, 20_000
rng = np.random.default_rng(0)

# Each user logs in from home and from work, two networks of 1,024 addresses, and now and then from anywhere.
networks = rng.integers(0, 2**22, (USERS, 2)) * 1024


def logins(count):
    """Rows of a user and an address, as a web server's log has them."""
    users = rng.integers(0, USERS, count)
    usual = networks[users, rng.integers(0, 2, count)] + rng.integers(0, 1024, count)
    addresses = np.where(rng.random(count) < 0.02, anywhere(count), usual)
    return [(f"user_{user}", IPv4Address(int(address))) for user, address in zip(users, addresses, strict=True)]


def anywhere(count):
    return rng.integers(0, 2**32, count)


job = train(
    "ipinsights",
    {
        "num_entity_vectors": 2 * USERS,
        "vector_dim": 64,
        "epochs": 10,
        "learning_rate": 0.01,
        "mini_batch_size": 1000,
        "random_negative_sampling_rate": 5,
    },
    "text/csv",
    train=as_csv(logins(LOGINS)),
    validation=as_csv(logins(2000)),
)
print(f"AUC against random addresses: {metrics(job)['validation:discriminator_auc']:.3f}")

with deployed(job) as ask:

    def scores(rows):
        return np.array([row["dot_product"] for row in ask(as_csv(rows))["predictions"]])

    usual = logins(1000)
    attacks = [(user, IPv4Address(int(address))) for (user, _), address in zip(usual, anywhere(1000), strict=True)]
    # The score is the log odds of a pair that was seen: the threshold lets one usual login in twenty be asked again.
    threshold = np.quantile(scores(usual), 0.05)
    print(f"logins that score below {threshold:.1f} need a second factor")
    print(f"strangers' logins caught: {np.mean(scores(attacks) < threshold):.0%}")

    home, stranger = IPv4Address(int(networks[7, 0]) + 99), IPv4Address("203.0.113.50")
    for address, score in zip((home, stranger), scores([("user_7", home), ("user_7", stranger)]), strict=True):
        print(f"user_7 from {address}: {score:+.1f} {'FLAGGED' if score < threshold else 'welcome'}")
