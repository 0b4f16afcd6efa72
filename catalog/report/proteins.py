"""The section about proteins."""

from collections import defaultdict

from catalog.report.charts import plddt_track
from catalog.report.markup import section, text
from catalog.report.reader import Reader, shown

__all__ = ["proteins"]

MOST_PROTEINS = 60


def proteins(reader: Reader) -> str:
    """Draw pLDDT and segments of each protein."""
    drawn = (
        "proteins p where p.uniprot_ac in (select uniprot_ac from segments union select uniprot_ac from residues)"
        " and p.length > 0"
    )
    names = reader.rows(
        f"select p.uniprot_ac, coalesce(p.gene, p.uniprot_ac) as gene, p.length, p.tf_family from {drawn}"
        " order by gene limit ?",
        MOST_PROTEINS,
    )
    residues = {
        row["uniprot_ac"]: row
        for row in reader.rows(
            "select uniprot_ac, any_value(source) as source, list(plddt order by position) as plddt from ("
            "  select r.* from residues r left join tasks t using (task_key) qualify r.task_key = max_by(r.task_key,"
            "  (coalesce(t.finished_at, 'epoch'), r.task_key)) over (partition by r.uniprot_ac)"
            ") where plddt is not null group by uniprot_ac",
        )
    }
    segments = defaultdict(list)
    for row in reader.rows("from segments order by uniprot_ac, seq_start"):
        segments[row["uniprot_ac"]].append(row)
    tiles = []
    for protein in names:
        accession = protein["uniprot_ac"]
        track = residues.get(accession, {})
        of_protein = segments[accession]
        sources = {track.get("source"), *(each["plddt_source"] for each in of_protein)} - {None}
        proxy = "; proxy from sequence" if any(each["plddt_proxy"] for each in of_protein) else ""
        label = text(", ".join(sorted(map(str, sources))) or "no pLDDT") + proxy
        plddt = track.get("plddt")
        drawing = plddt_track(plddt if isinstance(plddt, list) else [], of_protein, int(str(protein["length"])))
        tiles.append(f"<div><h3>{text(protein['gene'])} <small>{text(accession)} · {label}</small></h3>{drawing}</div>")
    legend = (
        '<p class="label"><span class="key high_plddt"></span>high pLDDT<span class="key low_plddt"></span>low pLDDT'
        '<span class="key full_length"></span>full length (imported)</p>'
    )
    body = f'{legend}<div class="tiles">{"".join(tiles)}</div>{shown(len(tiles), reader.count(drawn))}'
    about = "pLDDT along each protein and the segments cut from it; the lines mark 50, 70 and 90."
    return section("proteins", "Proteins", about, body if tiles else "")
