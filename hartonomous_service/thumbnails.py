"""The call that shows a picture small, as it is embedded."""

from hartonomous_core.atomizers import atomizer_for
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.atom_rows import SOURCE_PREVIEW, BytesOfAtom
from hartonomous_resources.database.transactions import ask
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.contents import read_content
from hartonomous_service.arguments import Id, Tenant, checked
from hartonomous_service.errors import NotFound
from hartonomous_service.source_records import find_atomized


@checked
def thumbnail(resources: Resources, source_id: Id, *, tenant: Tenant = 0) -> bytes:
    """Return what is seen of a picture, 256 pixels a side at most, as the bytes of a JPEG; of a TIFF its first page.

    Raises NotFound where the tenant has no such source or nothing was seen in it, Conflict while it is not atomized.
    """

    def read(unit_of_work: UnitOfWork) -> BytesOfAtom:
        kind = find_atomized(unit_of_work, source_id, tenant)["contentType"].lower()
        # What is made of others may be much, and would be looked through.
        may_have_one = kind.startswith("image/") and not atomizer_for(kind).reads_text
        found = unit_of_work.query(SOURCE_PREVIEW, source_id=source_id) if may_have_one else []
        if not found:
            raise NotFound(f"source {source_id} has no thumbnail: it is no picture, or none that could be read")
        return found[0]

    return read_content(ask(resources.database, read), resources.blobs)
