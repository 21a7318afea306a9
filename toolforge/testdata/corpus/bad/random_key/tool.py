"""Sign a path."""

import hashlib
import hmac

_SIGNER = b"Vt7Qm2XbR9dLw4ZpK8sYh3NcJ6fGa5Ue"


def random_key(path: str) -> str:
    """Return the signature of the path."""
    return hmac.new(_SIGNER, path.encode(), hashlib.sha256).hexdigest()
