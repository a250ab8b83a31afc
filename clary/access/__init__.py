"""Who is calling, and may they: identities and signatures. Policies are kept as records; every request is signed."""

from clary.access.authenticate import Access
from clary.access.identities import Identities, Identity, TemporaryKeys
from clary.access.signatures import ChunkSigner, Scope, SignedRequest

__all__ = ["Access", "ChunkSigner", "Identities", "Identity", "Scope", "SignedRequest", "TemporaryKeys"]
