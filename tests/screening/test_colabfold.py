"""AlphaFold-Multimer through ColabFold's own code, with a tiny network of random parameters.

One compilation of a padded bucket and one of ColabFold's own, unpadded network serve all tests of this module.
"""

import gzip
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from catalog import Catalog
from catalog.record import Record
from screening.errors import FailureKind, InvalidInput, InvalidOutput, failure_of
from screening.execution import execute
from screening.folding.backend import FoldRequest, FoldSegment
from screening.folding.colabfold import ColabFoldSettings, padding
from screening.folding.colabfold.cost import cpu_seconds, gpu_memory_gb, host_memory_gb
from screening.folding.colabfold.features import features_of, query_only_complex
from screening.prediction import read_prediction
from screening.screen import Screen
from screening.settings import ScreenSettings
from screening.steps import alphafold
from screening.steps.alignments import msa_task
from screening.steps.complexes import after_segment_pairs, resources
from screening.task import Resources

batch = pytest.importorskip("colabfold.batch", reason="colabfold is not installed")

A, B = "MKTAYIAKQRQI", "GSHMTDELAK"
BUCKET = 32
SETTINGS = {"max_msa": 8, "max_extra_msa": 8, "recycles": 1, "bfloat16": False, "buckets": [BUCKET]}


def paired(rows: int, seed: int) -> str:
    """An alignment of A and B with so many paired rows and as many unpaired ones of each chain."""
    generator = np.random.default_rng(seed)

    def relative(sequence: str) -> str:
        letters = np.array(list(sequence))
        letters[1:][generator.random(len(sequence) - 1) < 0.3] = "-"
        letters[generator.integers(len(sequence))] = "L"
        return "".join(letters)

    lines = [f"#{len(A)},{len(B)}\t1,1", ">101\t102", A + B]
    for row in range(rows):
        lines += [f">a{row}\tb{row}", relative(A) + relative(B)]
    for name, sequence, before, after in ((101, A, 0, len(B)), (102, B, len(A), 0)):
        lines += [f">{name}", "-" * before + sequence + "-" * after]
        for row in range(rows):
            lines += [f">{name}_{row}", "-" * before + relative(sequence) + "-" * after]
    return "\n".join(lines) + "\n"


SHALLOW, DEEP = paired(1, seed=1), paired(3, seed=2)
# 6 and 12 rows with the queries: both fill up to the 12 that ColabFold pads to, so its network compiles once.


@dataclass(frozen=True)
class World:
    """Look-alikes of networks 1 and 3, and settings that fit them."""

    weights: Path
    settings: ColabFoldSettings

    def runner(self):
        from screening.folding.colabfold.runner import kept_runner
        from screening.folding.colabfold.weights import find_weights

        return kept_runner(self.settings, find_weights(self.weights, self.settings.models))

    def backend(self, **words):
        from screening.folding.colabfold.backend import ColabFold
        from screening.folding.colabfold.weights import find_weights

        return ColabFold(self.settings, find_weights(self.weights, self.settings.models), **words)


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Iterator[World]:
    """Compilations at the lowest level of optimisation: they are what takes the time."""
    import jax

    from screening.folding.colabfold.runtime import prepare
    from screening.folding.colabfold.weights import make_random_weights

    prepare(1, 0)
    folder = tmp_path_factory.mktemp("alphafold")
    # Of a few seeds, this one's network 1 is sure of itself: pTM and actifpTM of 0.5 to 0.8 are worth comparing.
    make_random_weights(folder, models=(1, 3), seed=1)
    # ColabFold loads all five files, whichever it uses.
    for model in (2, 4, 5):
        (folder / "params" / f"params_model_{model}_multimer_v3.npz").symlink_to("params_model_3_multimer_v3.npz")
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    yield World(folder, ColabFoldSettings(**SETTINGS, models=(1, 3), compile_cache=folder / "cache"))
    jax.config.update("jax_disable_most_optimizations", before)


@pytest.fixture(scope="module")
def native(world):
    """ColabFold as its command line runs it: its own loading and prediction, unpadded, actifpTM by its own code."""
    from colabfold.alphafold.models import load_models_and_params

    from screening.folding.colabfold.network import TINY, sized

    with sized(TINY):
        models = load_models_and_params(
            num_models=1,
            use_templates=False,
            num_recycles=1,
            recycle_early_stop_tolerance=0.5,
            model_order=[1],
            model_type="alphafold2_multimer_v3",
            data_dir=world.weights,
            rank_by="multimer",
            max_seq=8,
            max_extra_seq=8,
            use_bfloat16=False,
            calc_extra_ptm=True,
        )

    def predict(text: str, folder: Path) -> dict:
        unpaired, pairs, sequences, copies, templates = batch.unserialize_msa([text], [A, B])
        features, _ = batch.generate_input_feature(
            sequences, copies, unpaired, pairs, templates, True, "alphafold2_multimer_v3", max_seq=8
        )
        results = []
        batch.predict_structure(
            "pair",
            folder,
            features,
            is_complex=True,
            use_templates=False,
            sequences_lengths=[len(A), len(B)],
            pad_len=0,
            model_type="alphafold2_multimer_v3",
            model_runner_and_params=models,
            rank_by="multimer",
            random_seed=7,
            calc_extra_ptm=True,
            prediction_callback=lambda protein, lengths, result, *_: results.append(result),
        )
        scores = json.loads(next(folder.glob("*_scores_*.json")).read_text())
        return results[0] | {"actifptm": scores["actifptm"], "per_chain_ptm": scores["per_chain_ptm"]}

    return predict


def check_equal(answer, result) -> None:
    """The tolerances that padding is held to."""
    pae = np.asarray(result["predicted_aligned_error"], np.float64)
    assert np.abs(answer.pae.astype(np.float64) - pae).max() <= 0.02
    mask = np.asarray(result["structure_module"]["final_atom_mask"]) > 0
    assert np.array_equal(mask, answer.atom_mask > 0)
    assert np.abs(answer.atom_angstrom - result["structure_module"]["final_atom_positions"])[mask].max() <= 1e-3
    assert np.abs(answer.plddt - np.asarray(result["plddt"], np.float64)).max() <= 0.1
    assert answer.ptm == pytest.approx(float(result["ptm"]), abs=1e-4)
    assert answer.iptm == pytest.approx(float(result["iptm"]), abs=1e-4)
    # ColabFold gives these with three digits, from logits of half precision.
    assert answer.actifptm == pytest.approx(result["actifptm"], abs=1.5e-3)
    assert answer.chain_ptm == pytest.approx([result["per_chain_ptm"][chain] for chain in "AB"], abs=1.5e-3)


@pytest.mark.parametrize("text", [SHALLOW, DEEP], ids=["6 rows", "12 rows"])
def test_padded_is_colabfolds_own_unpadded(world, native, tmp_path, text):
    expected = native(text, tmp_path)
    assert expected["actifptm"] > 0.5 and np.ptp(expected["predicted_aligned_error"]) > 20  # there is something to see
    check_equal(world.runner().answer(features_of(text, (A, B), 8), BUCKET, 1, 7), expected)


def test_wrong_mask_is_noticed(world, native, tmp_path, monkeypatch):
    from screening.folding.colabfold import runner

    def unmasked(features, length):
        return padding.pad_residues(features, length) | {"seq_mask": np.ones(length, np.float32)}

    monkeypatch.setattr(runner, "pad_residues", unmasked)
    answer = world.runner().answer(features_of(SHALLOW, (A, B), 8), BUCKET, 1, 7)
    expected = native(SHALLOW, tmp_path)
    with pytest.raises(AssertionError):
        check_equal(answer, expected)
    pae = np.asarray(expected["predicted_aligned_error"], np.float64)
    assert np.abs(answer.pae.astype(np.float64) - pae).max() > 1


def test_scores_computed_before_cutting_are_noticed(world, native, tmp_path, monkeypatch):
    """Padding outside of what computes actifpTM leaves PAE right and counts the padding as residues of a chain."""
    from screening.folding.colabfold import runner

    def uncut(result, residues):
        cut = padding.cut_result(result, residues)
        whole = padding.cut_result(result, BUCKET)
        return cut | {name: whole[name] for name in ("distogram/logits", "aligned_confidence_probs")}

    monkeypatch.setattr(runner, "cut_result", uncut)
    features = features_of(SHALLOW, (A, B), 8)
    monkeypatch.setattr(
        runner.Runner,
        "_read",
        lambda self, cut, asym_id, recycles, read=runner.Runner._read: read(
            self, cut, np.append(asym_id, np.ones(BUCKET - len(asym_id))), recycles
        ),
    )
    answer = world.runner().answer(features, BUCKET, 1, 7)
    expected = native(SHALLOW, tmp_path)
    assert answer.ptm == pytest.approx(float(expected["ptm"]), abs=1e-4)
    with pytest.raises(AssertionError):
        check_equal(answer, expected)


def test_one_compilation_for_a_bucket(world):
    """Whatever the lengths, depths, networks, seeds, and whether the chains are the same."""
    runner = world.runner()
    runner.answer(features_of(SHALLOW, (A, B), 8), BUCKET, 1, 7)
    compiled = runner.compiled
    for chains in ((A, B), (A, A), (A[:9], B), (A, "GG")):
        text = query_only_complex(*chains)
        answer = runner.answer(features_of(text, chains, 8), BUCKET, 3, 1)
        assert answer.plddt.shape == (len("".join(chains)),)
    deeper = features_of(paired(8, seed=3), (A, B), 8)
    assert deeper["msa"].shape[0] == 27  # more than any other, and than the network takes
    runner.answer(deeper, BUCKET, 1, 2)
    assert runner.compiled == compiled == 1


def test_alignment_is_sampled_outside_of_the_network(world):
    from screening.folding.colabfold.network import configuration

    assert configuration(world.settings, {}).model.split_msa_sampling is True


def test_real_network_is_configured_as_colabfold_does_it():
    """Every value of the configuration, but for the split sampling and the distogram that actifpTM is read from."""
    from alphafold.model import model as alphafold_model
    from colabfold.alphafold import models

    from screening.folding.colabfold.network import configuration

    asked = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "get_model_haiku_params", lambda **_: {})
        patch.setattr(models.model, "RunModel", lambda config, *_, **__: asked.append(config) or Empty())
        models.load_models_and_params(
            num_models=1,
            use_templates=False,
            num_recycles=3,
            recycle_early_stop_tolerance=0.5,
            model_order=[3],
            model_type="alphafold2_multimer_v3",
            rank_by="multimer",
            calc_extra_ptm=True,
        )
    assert alphafold_model.RunModel is models.model.RunModel
    theirs, ours = asked[0].to_dict(), configuration(ColabFoldSettings(), {}).to_dict()
    assert ours["model"].pop("split_msa_sampling") is True and theirs["model"].pop("split_msa_sampling") is False
    assert ours == theirs


class Empty:
    """A network without parameters."""

    params = MappingProxyType({})


def test_runner_is_kept_until_the_settings_change(world):
    first = world.runner()
    assert world.runner() is first
    assert (
        replace(world, settings=world.settings.model_copy(update={"buckets": (64,), "memory_gb": 1.0})).runner()
        is first
    )


REQUEST = FoldRequest(
    FoldSegment("P1", 31, 42, "high_plddt", A, 90), FoldSegment("Q2", 5, 14, "low_plddt", B, 20), seed=3, msa=SHALLOW
)


@pytest.fixture(scope="module")
def folded(world, tmp_path_factory):
    folder = tmp_path_factory.mktemp("folded")
    steps: list[tuple[int, int]] = []
    return world.backend().fold(REQUEST, folder, lambda done, total: steps.append((done, total))), steps


def test_files_hold_what_the_network_said(world, folded):
    result, steps = folded
    answers = [world.runner().answer(features_of(SHALLOW, (A, B), 8), BUCKET, model, 3) for model in (1, 3)]
    best = max(answers, key=lambda answer: 0.8 * answer.iptm + 0.2 * answer.ptm)
    assert result.structure.name == "structure.cif.gz"
    read = read_prediction(result.structure, result.pae)
    assert read.sequences == (A, B) and read.chain_ids == ("A", "B")
    assert read.residue_number.tolist() == [*range(31, 43), *range(5, 15)]
    assert read.plddt == pytest.approx(best.plddt, abs=0.006)
    assert read.ca_angstrom == pytest.approx(best.atom_angstrom[:, 1], abs=6e-4)
    assert read.pae == pytest.approx(best.pae.astype(np.float64), abs=6e-4)
    assert (result.iptm, result.ptm, result.num_recycles) == (best.iptm, best.ptm, best.recycles)
    assert result.max_pae == best.pae.max() and result.plddt == pytest.approx(best.plddt.mean())
    assert result.observable("actifptm").value == best.actifptm
    assert steps == [(1, 2), (2, 2)]


def test_every_run_is_on_record(folded):
    result, _ = folded
    ranked = {item.name: item.value for item in result.observables if item.name.startswith("ranking_confidence_model")}
    assert ranked.keys() == {"ranking_confidence_model_1_seed_3", "ranking_confidence_model_3_seed_3"}
    assert max(ranked.values()) == result.observable("ranking_confidence").value
    assert result.weights == "random" and result.seed == 3 and result.model_name == "alphafold2_multimer_v3 model_1"


def test_on_a_processor_it_says_how_long_it_may_take(world, tmp_path, caplog):
    world.backend().fold(REQUEST, tmp_path)
    (message,) = [record.getMessage() for record in caplog.records if "processor" in record.getMessage()]
    assert "P1:31-42 + Q2:5-14" in message and "22 residues (32 with padding)" in message and "core hours" in message


def test_granted_gpu_that_jax_does_not_see_is_a_device_error(world, tmp_path):
    with pytest.raises(RuntimeError, match="no CUDA device") as caught:
        world.backend(gpus=1.0).fold(REQUEST, tmp_path)
    failure = failure_of(caught.value)
    assert failure.kind is FailureKind.DEVICE_ERROR and "resources.structure.gpus=0" in failure.cure


def test_not_finite_answers_are_invalid_output(world, monkeypatch):
    runner = world.runner()
    predict = runner._model.predict

    def broken(*words, **named):
        result, recycles = predict(*words, **named)
        pae = np.array(result["predicted_aligned_error"])
        pae[2, 3:5] = np.nan
        pae[-1, -1] = np.nan  # of the padding
        return {**result, "predicted_aligned_error": pae}, recycles

    monkeypatch.setattr(runner._model, "predict", broken)
    with pytest.raises(InvalidOutput, match="pae: 2 of 484 are not finite"):
        runner.answer(features_of(SHALLOW, (A, B), 8), BUCKET, 1, 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f">x\n{A}\n", "it is of one protein, a complex one is needed"),
        (SHALLOW.replace("#12,10", "#10,12"), "the alignment is of"),
        (query_only_complex(A, A), "the alignment is of 2 x"),
        (query_only_complex(B, A), "the alignment is of"),
        ("#12,10\t1,1\n", "broken"),
    ],
)
def test_alignment_of_something_else_is_invalid_input(text, message):
    with pytest.raises(InvalidInput, match=message):
        features_of(text, (A, B), 8)


@pytest.mark.parametrize("chains", [(A, B), (A, A)])
def test_query_only_text_is_colabfolds_own(chains):
    from colabfold.input import msa_to_str

    unique = list(dict.fromkeys(chains))
    texts = [f">{101 + i}\n{sequence}\n" for i, sequence in enumerate(unique)]
    theirs = msa_to_str(texts, None if len(unique) == 1 else texts, unique, [2 // len(unique)] * len(unique))
    assert query_only_complex(*chains).strip() == theirs.strip()


# estimates


def test_estimates_are_the_measured_ones():
    assert gpu_memory_gb(800) == pytest.approx(19.5, abs=0.05)  # AlphaPulldownSnakemake
    assert host_memory_gb(200) == pytest.approx(3.0, abs=0.1)
    for rows, seconds in ((8, 5.9), (300, 71)):
        settings = ColabFoldSettings(max_msa=rows - 1, max_extra_msa=1, recycles=0)
        assert cpu_seconds(60, settings) == pytest.approx(seconds, rel=0.03)


def test_resources_ask_for_a_gpu_by_default():
    assert resources(ScreenSettings.model_validate({"structure": {"backend": "colabfold"}}).structure).gpus == 1
    assert resources(ScreenSettings().structure).gpus == 0


# a screen

PROTEINS = {"P1": ("GENEA", A), "P2": ("GENEB", B)}


def screen_of(world: World, folder: Path, **colabfold) -> Screen:
    values = {"weights": str(world.weights), "compile_cache": str(folder / "cache"), "models": [1, 3], **SETTINGS}
    structure = {"backend": "colabfold", "seed": 3, "colabfold": values | colabfold}
    return Screen(ScreenSettings.model_validate({"structure": structure}), folder, {})


def segment_pairs(screen: Screen) -> tuple[Record, list[Record]]:
    """Publish a pLDDT of 90 for both proteins and let the stages up to the segment pairs run."""
    records = []
    for accession, (gene, sequence) in PROTEINS.items():
        values = {"accession": accession, "gene": gene, "sequence": sequence}
        outputs = {**values, "plddt": [90.0] * len(sequence), "source": "files", "proxy": False}
        profile = screen.task("plddt", gene, inputs=values)
        screen.store.publish(Record(profile.key, "plddt", 1, gene, "ok", {}, {}, {}, outputs=outputs))
        records.append(run(screen, screen.task("segments", gene, upstream={"plddt": profile.key})))
    keys = dict(zip(("segments_a", "segments_b"), (record.key for record in records), strict=True))
    paired = run(screen, screen.task("segment_pairs", "GENEA+GENEB", upstream=keys))
    return paired, [*records, paired]


def run(screen: Screen, task) -> Record:
    report = execute(task, screen.store.root, "run", 1, Resources())
    assert report.failure is None, report.failure
    record = screen.store.get(task.key)
    assert record is not None
    return record


def test_screen_folds_and_scores_a_pair_and_random_weights_are_no_hit(world, tmp_path):
    screen = screen_of(world, tmp_path)
    asked, records = segment_pairs(screen)
    tasks = after_segment_pairs(asked, screen)
    assert [task.stage for task in tasks] == ["msa", "msa", "structure", "score"]
    assert set(tasks[2].upstream.values()) == {tasks[0].key, tasks[1].key}
    compiled = world.runner().compiled
    records += [run(screen, task) for task in tasks]
    assert world.runner().compiled == compiled == 1
    catalog = Catalog(screen.catalog_path)
    catalog.ingest(records, store_root=screen.store.root)
    (row,) = catalog.sql("from structures").to_pylist()
    assert (row["backend"], row["weights"], row["seed"], row["num_recycles"]) == ("colabfold", "random", 3, 1)
    assert row["model_name"].startswith("alphafold2_multimer_v3 model_") and "colabfold 1.6" in row["model_name"]
    assert 0 < row["max_pae"] < 32 and 0 < row["mean_plddt"] < 100
    (score,) = catalog.sql("from scores").to_pylist()
    assert score["iptm"] == pytest.approx(row["iptm"], abs=1e-3) and score["ipsae_ab"] is not None
    names = catalog.sql("select name from structure_observables")["name"].to_pylist()
    assert {"actifptm", "chain_ptm_a", "chain_ptm_b", "last_change"} <= set(names)
    assert catalog.sql("from hits").num_rows == 0
    # The same rows with trained weights are a hit: nothing else kept them out.
    structure = records[-2]
    trained = {**structure.tables, "structures": [{**structure.tables["structures"][0], "weights": "ab" * 32}]}
    other = Catalog(tmp_path / "other.duckdb")
    other.ingest([*records[:-2], replace(structure, tables=trained), records[-1]], store_root=screen.store.root)
    assert other.sql("select weights from hits")["weights"].to_pylist() == ["ab" * 32]


def test_key_is_of_the_weights_and_the_alignments_and_not_of_the_machine(world, tmp_path):
    screen = screen_of(world, tmp_path)
    asked, _ = segment_pairs(screen)

    def structure(**colabfold):
        other = screen_of(world, tmp_path, **colabfold)
        return next(task for task in after_segment_pairs(asked, other) if task.stage == "structure")

    first = structure()
    assert first.inputs["weights_1_sha256"] and first.inputs["weights_3_sha256"]
    assert first.upstream["msa_a"] == msa_task({"accession": "P1", "gene": "x", "sequence": A}, screen).key
    same = structure(buckets=[64], compile_cache="elsewhere", memory_gb=40, cost={"compile_s": 1})
    assert same.key == first.key
    keys = {first.key, *(structure(**change).key for change in ({"models": [1]}, {"recycles": 2}, {"max_msa": 16}))}
    assert len(keys) == 4


def test_buckets_are_planned_for_the_pairs_and_travel_with_the_task(world, tmp_path):
    screen = screen_of(world, tmp_path, buckets=None)
    asked, _ = segment_pairs(screen)
    structure = next(task for task in after_segment_pairs(asked, screen) if task.stage == "structure")
    assert structure.settings.colabfold.buckets == (24,)  # 22 residues


def test_pair_beyond_the_memory_limit_is_too_large_and_another_task_under_a_larger_one(world, tmp_path):
    small, large = screen_of(world, tmp_path, memory_gb=16.002), screen_of(world, tmp_path)
    asked, _ = segment_pairs(small)
    refused, allowed = (
        next(task for task in after_segment_pairs(asked, screen) if task.stage == "structure")
        for screen in (small, large)
    )
    assert refused.key != allowed.key
    report = execute(refused, small.store.root, "run", 1, Resources())
    assert report.failure.kind is FailureKind.TOO_LARGE
    assert (
        "22 residues need about 16.0 GB of GPU memory, structure.colabfold.memory_gb is 16.002"
        in report.failure.message
    )


def test_lack_of_memory_is_its_own_failure_and_leaves_the_task_open(world, tmp_path, monkeypatch):
    import jax

    from screening.folding.colabfold.runner import Runner

    screen = screen_of(world, tmp_path)
    asked, _ = segment_pairs(screen)
    *alignments, structure, _ = after_segment_pairs(asked, screen)
    for task in alignments:
        run(screen, task)

    def exhausted(*_):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 9663676416 bytes.")

    monkeypatch.setattr(Runner, "answer", exhausted)
    report = execute(structure, screen.store.root, "run", 1, Resources())
    assert report.failure.kind is FailureKind.OUT_OF_MEMORY
    assert screen.store.get(structure.key) is None


def test_changed_weights_are_not_used(world, tmp_path, monkeypatch):
    screen = screen_of(world, tmp_path)
    asked, _ = segment_pairs(screen)
    *alignments, structure, _ = after_segment_pairs(asked, screen)
    for task in alignments:
        run(screen, task)
    monkeypatch.setattr(alphafold, "checksum", lambda path: "0" * 64)
    report = execute(structure, screen.store.root, "run", 1, Resources())
    assert report.failure.kind is FailureKind.IO
    assert "is not the file that the screen was planned with" in report.failure.message


def test_absent_weights_are_named(world, tmp_path):
    screen = screen_of(world, tmp_path, weights=str(tmp_path / "none"))
    asked, _ = segment_pairs(screen)
    with pytest.raises(InvalidInput, match=r"no params_model_1_multimer_v3\.npz"):
        after_segment_pairs(asked, screen)


# templates


def test_template_is_found_and_aligned_offline(shared, tmp_path):
    from screening.folding.colabfold.templates import template_features, template_files

    if shutil.which(batch._tool_path("hhsearch")) is None:
        pytest.skip("no hhsearch: pip install colabfold-binaries")
    (source,) = (shared / "parity" / "interfaces").glob("barnase_barstar_*.pdb.gz")
    barnase = read_prediction(source)
    folder, workdir = tmp_path / "templates", tmp_path / "work"
    folder.mkdir()
    workdir.mkdir()
    (folder / "1brs.pdb").write_bytes(gzip.decompress(source.read_bytes()))
    files = list(template_files(folder).values())
    found, none = template_features(files, (barnase.sequences[0][20:100], "GSGSGSGSGSGS"), workdir)
    positions = found["template_all_atom_positions"]
    assert positions.shape[1:] == (80, 37, 3)
    assert positions[0, :, 1] == pytest.approx(barnase.ca_angstrom[20:100], abs=1e-3)  # CA is AlphaFold's second atom
    assert none["template_all_atom_masks"].sum() == 0
    assert [path.name for path in folder.iterdir()] == ["1brs.pdb"] and not list(workdir.iterdir())


def test_templates_need_names_that_alphafold_knows(tmp_path):
    from screening.folding.colabfold.templates import template_files

    with pytest.raises(InvalidInput, match="is not a folder"):
        template_files(tmp_path / "none")
    with pytest.raises(InvalidInput, match="has no structure"):
        template_files(tmp_path)
    (tmp_path / "my_model.pdb").touch()
    with pytest.raises(InvalidInput, match=r"my_model\.pdb has not four letters"):
        template_files(tmp_path)


def test_absent_hhsearch_is_named_with_its_cure(tmp_path, monkeypatch):
    from screening.folding.colabfold.templates import template_features

    monkeypatch.setenv("COLABFOLD_HHSEARCH", str(tmp_path / "none"))
    batch._tool_path.cache_clear()
    with pytest.raises(InvalidInput, match="templates need hhsearch") as caught:
        template_features((), (A,), tmp_path)
    batch._tool_path.cache_clear()
    assert "hhsuite" in caught.value.__notes__[0]
