"""truth.json: what was put where, and what an examiner should say of it."""

from plan import PRESENCE, sha256

RANK = ("running", "installed", "dormant", "remnant", "embedded", "declared", "contact", "procured")


def of_hive(file, made):
    return {
        "path": "/" + file,
        "keys": made.keys,
        "values": made.values,
        "bytes": len(made.data),
        "dirty": made.log is not None,
        "sha256": sha256(made.data),
    }


def of_image(plan, options, raw, partitions, written, made):
    return {
        "schema": "ostrakon-tests/windows-image/1",
        "seed": options.seed,
        "size": "large" if options.large else "small",
        "disk": {"bytes": raw.stat().st_size, "table": options.table, "partitions": partitions},
        "images": made,
        "signers": plan.signing.described(),
        "hives": plan.hives_written,
        "written": written,
        "findings": findings(plan),
        "plants": plan.plants,
        "lookalikes": plan.lookalikes,
    }


def findings(plan):
    """What should come out for each product, derived from the plants that must be found after docs/dossiers.md.

    `presence` is the strongest of its plants', `grade` what they make together. A supporting mark makes no finding. Marks
    of the vendor's engine are left out: inside the vendor's own product they are that product."""
    found = {}
    for plant in plan.plants:
        if not plant["must_find"]:
            continue
        for indicator in plan.fits[plant["id"]]:
            if not indicator.get("supporting") and indicator.get("presence") != "embedded":
                product = (indicator["dossier"], indicator["product"])
                found.setdefault(product, []).append((plant, indicator))
    return [
        {
            "dossier": dossier,
            "product": product,
            "presence": min((proved(*mark) for mark in marks), key=RANK.index),
            "grade": together(marks),
            "plants": sorted({plant["id"] for plant, _ in marks}),
        }
        for (dossier, product), marks in sorted(found.items())
    ]


def proved(plant, indicator):
    """What one mark proves: of what was deleted or lies in a copy not more than the plant says, and so of a trace."""
    if plant["state"] in ("deleted", "archive") or plant["kind"] == "trace":
        return plant["presence"]
    return indicator.get("presence", PRESENCE[plant["kind"]])


def together(marks):
    """The grade of marks together: two probable ones of different types and files make it probable, and so does one of a
    remnant that is no trace."""
    if any(indicator["grade"] == "confirmed" for _, indicator in marks):
        return "confirmed"
    probable = [(plant, indicator) for plant, indicator in marks if indicator["grade"] == "probable"]
    types = {str(indicator["on"]).strip("[']").split(".")[0] for _, indicator in probable}
    places = {plant["id"] for plant, _ in probable}
    if (len(types) > 1 and len(places) > 1) or any(
        proved(*mark) == "remnant" and mark[0]["kind"] != "trace" for mark in probable
    ):
        return "probable"
    return "possible"
