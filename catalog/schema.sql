-- Tables of the catalog: a projection of the task records, made once when the file is created and only inserted into.
-- Primary keys only: no secondary index, no foreign key; `Catalog.verify` checks references.
-- Residue ranges are 1-based and inclusive; pLDDT is 0-100; PAE rows are aligned, columns are scored residues.

-- identity -----------------------------------------------------------------------------------------------------

create table meta (
    key varchar, value varchar not null, primary key (key)
);
comment on table meta is 'what this file is';
comment on column meta.key is 'schema_version (hash of the definitions) or platform_version';
comment on column meta.value is 'its value';

create table runs (
    run_id varchar, submission_id varchar, started_at timestamptz, finished_at timestamptz, status varchar,
    config json, config_sha256 varchar, git_commit varchar, git_dirty boolean, software json, primary key (run_id)
);
comment on table runs is 'one call of `screening run`';
comment on column runs.run_id is 'time of start and a random part';
comment on column runs.submission_id is 'Ray job the run was in; NULL outside a job';
comment on column runs.started_at is 'start, UTC';
comment on column runs.finished_at is 'end, UTC; NULL while it runs or if it was killed';
comment on column runs.status is 'running, finished, finished_with_failures or interrupted';
comment on column runs.config is 'all settings after overrides';
comment on column runs.config_sha256 is 'SHA-256 of the canonical settings';
comment on column runs.git_commit is 'commit of the platform''s checkout; NULL outside one';
comment on column runs.git_dirty is 'whether the checkout had uncommitted changes';
comment on column runs.software is 'package name to version';

-- biology ------------------------------------------------------------------------------------------------------

create table cell_types (
    cell_type_id varchar, name varchar, cl_id varchar, tissue varchar, life_stage varchar, n_regions integer,
    simulated boolean, source_sha256 varchar, primary key (cell_type_id)
);
comment on table cell_types is 'a cell type and the atlas entry it was read from';
comment on column cell_types.cell_type_id is 'identifier of the cell type in its atlas';
comment on column cell_types.name is 'readable name';
comment on column cell_types.cl_id is 'Cell Ontology identifier; NULL if not stated';
comment on column cell_types.tissue is 'tissue of origin';
comment on column cell_types.life_stage is 'for example adult or fetal';
comment on column cell_types.n_regions is 'number of accessible regions, count';
comment on column cell_types.simulated is 'true: made by a program with planted edges, not measured';
comment on column cell_types.source_sha256 is 'SHA-256 of the input it was read from';

create table proteins (
    uniprot_ac varchar, entry_name varchar, gene varchar, taxon_id integer, length integer, sequence varchar,
    sequence_sha256 varchar, tf_family varchar, primary key (uniprot_ac)
);
comment on table proteins is 'a transcription factor';
comment on column proteins.uniprot_ac is 'UniProt accession';
comment on column proteins.entry_name is 'UniProt entry name, for example PAX5_HUMAN';
comment on column proteins.gene is 'gene symbol (HGNC for human)';
comment on column proteins.taxon_id is 'NCBI taxonomy identifier';
comment on column proteins.length is 'length of the canonical sequence, residues';
comment on column proteins.sequence is 'canonical sequence, one-letter codes';
comment on column proteins.sequence_sha256 is 'SHA-256 of the sequence';
comment on column proteins.tf_family is 'DNA-binding-domain family; NULL if unknown';

create table residues (
    task_key varchar, uniprot_ac varchar, position integer, plddt double, source varchar,
    primary key (task_key, position)
);
comment on table residues is 'per-residue pLDDT of a full-length protein';
comment on column residues.task_key is 'content key of the task that made the row';
comment on column residues.uniprot_ac is 'UniProt accession, see proteins';
comment on column residues.position is 'residue number, 1-based';
comment on column residues.plddt is 'pLDDT of the residue, 0-100';
comment on column residues.source is 'where the pLDDT came from, as proteins.plddt_source';

create table motif_tfs (
    motif_id varchar, uniprot_ac varchar, primary key (motif_id, uniprot_ac)
);
comment on table motif_tfs is 'transcription factors that can stand for a motif cluster';
comment on column motif_tfs.motif_id is 'motif cluster';
comment on column motif_tfs.uniprot_ac is 'UniProt accession of a factor with that motif';

create table expression (
    cell_type_id varchar, uniprot_ac varchar, log10_tpm double, primary key (cell_type_id, uniprot_ac)
);
comment on table expression is 'expression of a factor in a cell type';
comment on column expression.cell_type_id is 'cell type, see cell_types';
comment on column expression.uniprot_ac is 'UniProt accession, see proteins';
comment on column expression.log10_tpm is 'log10(TPM + 1)';

create table motif_choices (
    task_key varchar, cell_type_id varchar, motif_id varchar, gene varchar, uniprot_ac varchar, expression double,
    unit varchar, primary key (task_key, motif_id)
);
comment on table motif_choices is 'the factor that stands for a motif in a cell type: the highest expressed one';
comment on column motif_choices.task_key is 'content key of the task that made the row';
comment on column motif_choices.cell_type_id is 'cell type, see cell_types';
comment on column motif_choices.motif_id is 'motif cluster';
comment on column motif_choices.gene is 'gene symbol of the chosen factor';
comment on column motif_choices.uniprot_ac is 'UniProt accession of the chosen factor';
comment on column motif_choices.expression is 'expression of the chosen factor, in the unit beside it';
comment on column motif_choices.unit is 'unit of expression';

-- attribution, network, pairs ----------------------------------------------------------------------------------

create table training_metrics (
    task_key varchar, cell_type_id varchar, phase varchar check (phase in ('pretrain', 'finetune')), epoch integer,
    metric varchar, value double, primary key (task_key, phase, epoch, metric)
);
comment on table training_metrics is 'course of a training';
comment on column training_metrics.task_key is 'content key of the task that made the row';
comment on column training_metrics.cell_type_id is 'cell type, see cell_types';
comment on column training_metrics.phase is 'pretrain (masked motifs) or finetune (expression)';
comment on column training_metrics.epoch is 'epoch, counts from 1; 0 is before training';
comment on column training_metrics.metric is 'name of the metric, for example train_loss';
comment on column training_metrics.value is 'value, in the unit of the metric';

create table evaluations (
    task_key varchar, cell_type_id varchar, predictor varchar, quantity varchar, scope varchar check (scope in ('held_out', 'training')),
    versus varchar, metric varchar, value double, n bigint, note varchar,
    primary key (task_key, cell_type_id, predictor, quantity, scope, versus, metric)
);
comment on table evaluations is 'how well networks and baselines predict what was measured, over all entries at once';
comment on column evaluations.task_key is 'content key of the task that made the row';
comment on column evaluations.cell_type_id is 'cell type that is predicted, see cell_types; empty where the metric is over all';
comment on column evaluations.predictor is 'model, or a baseline: mean_cell_type (of the others), nearest_cell_type (the most correlated other one), tss_accessibility (a line on the accessibility of the promoter)';
comment on column evaluations.quantity is 'expression per promoter and strand, log10(TPM + 1); accessibility (open or closed); log_fold_change (difference of expression to another cell type); across_cell_types (each promoter over the cell types)';
comment on column evaluations.scope is 'held_out: entries no label of which a network of their cell type was trained on; training: the others';
comment on column evaluations.versus is 'the other cell type of a log fold change; empty otherwise';
comment on column evaluations.metric is 'pearson, spearman, r2 (coefficient of determination), auroc or median_pearson';
comment on column evaluations.value is 'value, pure number; NULL where the data cannot support it';
comment on column evaluations.n is 'entries compared, count';
comment on column evaluations.note is 'why the value is NULL, or which cell type the baseline took';

create table predictions (
    task_key varchar, cell_type_id varchar, chrom varchar, region_start bigint, region_end bigint, strand varchar,
    observed double, predicted double, held_out boolean,
    primary key (task_key, cell_type_id, chrom, region_start, region_end, strand)
);
comment on table predictions is 'expression of each promoter, measured and predicted by the finetuned network';
comment on column predictions.task_key is 'content key of the task that made the row';
comment on column predictions.cell_type_id is 'cell type, see cell_types';
comment on column predictions.chrom is 'chromosome of the region';
comment on column predictions.region_start is 'start of the region, 0-based (BED)';
comment on column predictions.region_end is 'end of the region, exclusive (BED)';
comment on column predictions.strand is 'strand of the promoter, + or -';
comment on column predictions.observed is 'measured expression, log10(TPM + 1)';
comment on column predictions.predicted is 'predicted expression, log10(TPM + 1)';
comment on column predictions.held_out is 'whether the label was kept from training: its chromosome, or the whole cell type';

create table motif_attributions (
    task_key varchar, cell_type_id varchar, motif_id varchar, mean_score double, mean_abs_score double,
    n_genes integer, primary key (task_key, motif_id)
);
comment on table motif_attributions is 'attribution of a motif over the genes of a cell type; the gene by motif matrix is an artifact';
comment on column motif_attributions.task_key is 'content key of the task that made the row';
comment on column motif_attributions.cell_type_id is 'cell type, see cell_types';
comment on column motif_attributions.motif_id is 'motif cluster or other input feature';
comment on column motif_attributions.mean_score is 'mean over genes of the signed attribution, predicted log10(TPM + 1)';
comment on column motif_attributions.mean_abs_score is 'mean over genes of the absolute attribution, predicted log10(TPM + 1)';
comment on column motif_attributions.n_genes is 'genes averaged, count';

create table taken_over (
    task_key varchar, stage varchar, cell_type_id varchar, file varchar, sha256 varchar, format varchar, note varchar,
    primary key (task_key)
);
comment on table taken_over is 'attributions and networks that were read from a file instead of being computed ([attribution.files], [causal.files])';
comment on column taken_over.task_key is 'content key of the task that made the row';
comment on column taken_over.stage is 'attribution (a gene by motif matrix) or causal (a network)';
comment on column taken_over.cell_type_id is 'cell type, see cell_types';
comment on column taken_over.file is 'name of the file, without its folder';
comment on column taken_over.sha256 is 'SHA-256 of the file; of a folder, of the names and hashes of its files';
comment on column taken_over.format is 'interpretation_zarr, feather, parquet, tsv, csv, npz or edge_list';
comment on column taken_over.note is 'how it was read: what was undone or turned round, and what cannot be known of it';

create table unattributed_genes (
    task_key varchar, cell_type_id varchar, gene varchar, reason varchar, primary key (task_key, gene)
);
comment on table unattributed_genes is 'genes of the annotation without a row in the gene by motif matrix, and why';
comment on column unattributed_genes.task_key is 'content key of the task that made the row';
comment on column unattributed_genes.cell_type_id is 'cell type, see cell_types';
comment on column unattributed_genes.gene is 'HGNC symbol';
comment on column unattributed_genes.reason is 'no_transcription_start_in_an_open_region, or chromosome_too_short_for_a_window (fewer open regions than a window has)';

create table targets (
    task_key varchar, cell_type_id varchar, motif_id varchar, rank integer, gene varchar, attribution double,
    primary key (task_key, gene)
);
comment on table targets is 'genes that a motif raises most in a cell type (screening get targets)';
comment on column targets.task_key is 'content key of the task that made the row';
comment on column targets.cell_type_id is 'cell type, see cell_types';
comment on column targets.motif_id is 'motif cluster';
comment on column targets.rank is '1 for the gene raised most';
comment on column targets.gene is 'HGNC symbol';
comment on column targets.attribution is 'attribution of the motif to the gene, predicted log10(TPM + 1)';

create table target_correlations (
    task_key varchar, cell_type_id varchar, motif_id varchar, tf varchar, gene varchar, pearson double, primary key
    (task_key, tf, gene)
);
comment on table target_correlations is 'expression of a motif''s TFs and of its targets over the cell types of the atlas, three at least';
comment on column target_correlations.task_key is 'content key of the task that made the row';
comment on column target_correlations.cell_type_id is 'cell type whose targets these are, see cell_types';
comment on column target_correlations.motif_id is 'motif cluster';
comment on column target_correlations.tf is 'HGNC symbol of a TF of the motif';
comment on column target_correlations.gene is 'HGNC symbol of a target';
comment on column target_correlations.pearson is 'Pearson correlation over cell types; NULL where either does not vary';

create table enrichments (
    task_key varchar, cell_type_id varchar, motif_id varchar, gene_set varchar, n_overlap bigint, n_set bigint,
    n_targets bigint, n_background bigint, fold double, p_value double, q_value double, genes varchar, primary key
    (task_key, gene_set)
);
comment on table enrichments is 'gene sets among the targets of a motif; background: the genes of the gene by motif matrix';
comment on column enrichments.task_key is 'content key of the task that made the row';
comment on column enrichments.cell_type_id is 'cell type, see cell_types';
comment on column enrichments.motif_id is 'motif cluster';
comment on column enrichments.gene_set is 'name of the gene set in the file that was given';
comment on column enrichments.n_overlap is 'genes of the set among the targets, count';
comment on column enrichments.n_set is 'genes of the set in the background, count';
comment on column enrichments.n_targets is 'targets, count';
comment on column enrichments.n_background is 'genes of the background, count';
comment on column enrichments.fold is 'share of the set among the targets over its share of the background';
comment on column enrichments.p_value is 'hypergeometric probability of as many or more';
comment on column enrichments.q_value is 'false discovery rate, Benjamini and Hochberg over the sets of this task';
comment on column enrichments.genes is 'the genes of the overlap, separated by commas';

create table embeddings (
    task_key varchar, cell_type_id varchar, layer integer, region varchar, umap_1 double, umap_2 double, leiden
    integer, primary key (task_key, region)
);
comment on table embeddings is 'regions as the network represents them (screening get embedding); the vectors are an artifact';
comment on column embeddings.task_key is 'content key of the task that made the row';
comment on column embeddings.cell_type_id is 'cell type, see cell_types';
comment on column embeddings.layer is 'blocks of the network passed; 0 is the region by itself';
comment on column embeddings.region is 'chrom:start-end, 0-based, half-open';
comment on column embeddings.umap_1 is 'first coordinate in the plane (UMAP); distances between far points mean little';
comment on column embeddings.umap_2 is 'second coordinate in the plane (UMAP)';
comment on column embeddings.leiden is 'Leiden cluster, 0 is the largest';

create table perturbations (
    task_key varchar, cell_type_id varchar, motif_id varchar, locus varchar, gene varchar, region varchar, strand
    varchar, predicted_before double, predicted_after double, primary key (task_key, gene, region, strand)
);
comment on table perturbations is 'predicted expression before and after a motif or region was taken away; promoters whose window is unchanged have no row';
comment on column perturbations.task_key is 'content key of the task that made the row';
comment on column perturbations.cell_type_id is 'cell type, see cell_types';
comment on column perturbations.motif_id is 'motif that was set to 0; NULL where whole regions were closed';
comment on column perturbations.locus is 'chrom:start-end where it was changed; NULL for everywhere';
comment on column perturbations.gene is 'gene of the promoter, HGNC symbol';
comment on column perturbations.region is 'region of the promoter, chrom:start-end';
comment on column perturbations.strand is 'strand of the promoter, + or -';
comment on column perturbations.predicted_before is 'predicted expression, log10(TPM + 1)';
comment on column perturbations.predicted_after is 'predicted expression after the change, log10(TPM + 1)';

create table reporter_activities (
    task_key varchar, cell_type_id varchar, element varchar, activity double, expression double, accessibility double,
    contexts integer, primary key (task_key, element)
);
comment on table reporter_activities is 'in-silico lentiviral reporter assay: elements put into genomic contexts';
comment on column reporter_activities.task_key is 'content key of the task that made the row';
comment on column reporter_activities.cell_type_id is 'cell type, see cell_types';
comment on column reporter_activities.element is 'name of the element in the FASTA file';
comment on column reporter_activities.activity is 'expression times accessibility; expression alone without a network of accessibility';
comment on column reporter_activities.expression is 'mean predicted expression over contexts and strands, log10(TPM + 1)';
comment on column reporter_activities.accessibility is 'mean predicted accessibility over contexts; NULL without a network of accessibility';
comment on column reporter_activities.contexts is 'genomic places averaged, count';

create table locus_importance (
    task_key varchar, cell_type_id varchar, gene varchar, start_number integer, chrom varchar, region_start bigint,
    region_end bigint, importance double, is_promoter boolean, strongest_motif varchar, primary key (task_key,
    start_number, region_start)
);
comment on table locus_importance is 'which regions around a gene matter for its predicted expression (screening get locus)';
comment on column locus_importance.task_key is 'content key of the task that made the row';
comment on column locus_importance.cell_type_id is 'cell type, see cell_types';
comment on column locus_importance.gene is 'HGNC symbol';
comment on column locus_importance.start_number is 'transcription start of the gene, counts from 1';
comment on column locus_importance.chrom is 'chromosome';
comment on column locus_importance.region_start is 'start of the region, 0-based (BED)';
comment on column locus_importance.region_end is 'end of the region, exclusive (BED)';
comment on column locus_importance.importance is 'signed sum of the attributions of the region, predicted log10(TPM + 1)';
comment on column locus_importance.is_promoter is 'whether the transcription start lies in it';
comment on column locus_importance.strongest_motif is 'motif with the largest absolute attribution over the window; at the promoter only';

create table agnostic_rows (
    task_key varchar, cell_type_id varchar, attribution_key varchar, n_rows bigint, n_available bigint, seed bigint,
    primary key (task_key, cell_type_id)
);
comment on table agnostic_rows is 'rows drawn from the attributions of several cell types together (screening get agnostic); the matrix is an artifact';
comment on column agnostic_rows.task_key is 'content key of the task that made the row';
comment on column agnostic_rows.cell_type_id is 'cell type, see cell_types';
comment on column agnostic_rows.attribution_key is 'content key of the attribution that was drawn from';
comment on column agnostic_rows.n_rows is 'rows drawn, count';
comment on column agnostic_rows.n_available is 'rows there were, count';
comment on column agnostic_rows.seed is 'seed of the draw; without effect where all rows were taken';

create table causal_edges (
    task_key varchar, cell_type_id varchar, cause_motif varchar, effect_motif varchar, effect double,
    total_effect double, abs_effect_pct double, bootstrap_prob double, sign_agreement double, bootstrap_effect double,
    selected boolean, method varchar,
    primary key (task_key, cause_motif, effect_motif)
);
comment on table causal_edges is 'edges of the causal network of a cell type';
comment on column causal_edges.task_key is 'content key of the task that made the row';
comment on column causal_edges.cell_type_id is 'cell type, see cell_types';
comment on column causal_edges.cause_motif is 'motif cluster at the tail of the edge';
comment on column causal_edges.effect_motif is 'motif cluster at the head: its attribution is an effect of the cause';
comment on column causal_edges.effect is 'LiNGAM coefficient of the cause on the effect, in the units of the fitted columns';
comment on column causal_edges.total_effect is 'effect of the cause on the effect along all directed paths, (I - B)^-1 - I; NULL for a network that was read from a list of edges, see taken_over';
comment on column causal_edges.abs_effect_pct is 'percentile of |effect| among the edges of this network, 0-100';
comment on column causal_edges.bootstrap_prob is 'share of bootstrap fits with this edge, 0-1; NULL without bootstrap';
comment on column causal_edges.sign_agreement is 'of the bootstrap fits with this edge, share with the more frequent sign, 0.5-1; NULL where none has it';
comment on column causal_edges.bootstrap_effect is 'mean effect over the bootstrap fits, zeros included; NULL without bootstrap';
comment on column causal_edges.selected is 'whether the edge goes on to a pair';
comment on column causal_edges.method is 'causal discovery method, for example direct_lingam';

create table network_stability (
    task_key varchar, cell_type_id varchar, metric varchar, value double, primary key (task_key, metric)
);
comment on table network_stability is 'what the bootstrap fits of a cell type''s network agree on; no rows without bootstrap';
comment on column network_stability.task_key is 'content key of the task that made the row';
comment on column network_stability.cell_type_id is 'cell type, see cell_types';
comment on column network_stability.metric is 'resamples: fits, count; order_entropy: uncertainty of the causal order, bits per pair of motifs, 0-1; consensus_acyclic: 1 where the edges in more than half of the fits form no cycle; motifs_unusable: motifs that some resample made constant or redundant, count';
comment on column network_stability.value is 'value; NULL where no pair could be compared';

create table truth_motifs (
    cell_type_id varchar, motif_id varchar, effect double, primary key (cell_type_id, motif_id)
);
comment on table truth_motifs is 'planted effect of a motif on expression in a simulated cell type';
comment on column truth_motifs.cell_type_id is 'cell type, see cell_types';
comment on column truth_motifs.motif_id is 'motif cluster';
comment on column truth_motifs.effect is 'planted coefficient on log10(TPM + 1)';

create table truth_edges (
    cell_type_id varchar, cause_motif varchar, effect_motif varchar, effect double,
    primary key (cell_type_id, cause_motif, effect_motif)
);
comment on table truth_edges is 'planted causal edges of a simulated cell type';
comment on column truth_edges.cell_type_id is 'cell type, see cell_types';
comment on column truth_edges.cause_motif is 'motif cluster at the tail';
comment on column truth_edges.effect_motif is 'motif cluster at the head';
comment on column truth_edges.effect is 'planted coefficient';

create table network_recovery (
    task_key varchar, cell_type_id varchar, metric varchar, value double, primary key (task_key, metric)
);
comment on table network_recovery is 'how well a network recovers the planted edges of a simulated cell type';
comment on column network_recovery.task_key is 'content key of the task that made the row';
comment on column network_recovery.cell_type_id is 'cell type, see cell_types';
comment on column network_recovery.metric is 'auprc, precision and the like';
comment on column network_recovery.value is 'value, 0-1 unless the metric says otherwise';

create table tf_pairs (
    pair_id varchar, uniprot_a varchar not null, uniprot_b varchar not null,
    kind varchar check (kind in ('homodimer', 'intra_family', 'inter_family', 'cofactor')), primary key (pair_id),
    check (uniprot_a <= uniprot_b)
);
comment on table tf_pairs is 'a pair of transcription factors, or of one and a cofactor, in alphabetical order of accession';
comment on column tf_pairs.pair_id is 'identity of the pair';
comment on column tf_pairs.uniprot_a is 'accession that sorts first';
comment on column tf_pairs.uniprot_b is 'accession that sorts second; equal to the first in a homodimer';
comment on column tf_pairs.kind is 'homodimer, intra_family or inter_family (by DNA-binding-domain family), or cofactor: a factor and what may mediate between it and another one';

create table pair_origins (
    pair_id varchar, cell_type_id varchar, edge_task_key varchar, cause_motif varchar, effect_motif varchar,
    primary key (pair_id, edge_task_key, cause_motif, effect_motif)
);
comment on table pair_origins is 'the edges and cell types a pair comes from: many origins, one set of structures; none where pairs were asked for by name';
comment on column pair_origins.pair_id is 'pair, see tf_pairs';
comment on column pair_origins.cell_type_id is 'cell type, see cell_types';
comment on column pair_origins.edge_task_key is 'task that made the network of the edge';
comment on column pair_origins.cause_motif is 'motif cluster at the tail of the edge';
comment on column pair_origins.effect_motif is 'motif cluster at the head of the edge';

create table dropped_pairs (
    task_key varchar, cell_type_id varchar, cause_motif varchar, effect_motif varchar, reason varchar, detail varchar,
    primary key (task_key, cause_motif, effect_motif)
);
comment on table dropped_pairs is 'selected edges that gave no pair';
comment on column dropped_pairs.task_key is 'content key of the task that made the row';
comment on column dropped_pairs.cell_type_id is 'cell type, see cell_types';
comment on column dropped_pairs.cause_motif is 'motif cluster at the tail of the edge';
comment on column dropped_pairs.effect_motif is 'motif cluster at the head of the edge';
comment on column dropped_pairs.reason is 'short reason, for example no_expressed_tf';
comment on column dropped_pairs.detail is 'the reason in words';

-- segments, structures, scores ---------------------------------------------------------------------------------

create table segments (
    segment_id varchar, uniprot_ac varchar, ordinal integer, seq_start integer, seq_end integer,
    kind varchar check (kind in ('high_plddt', 'low_plddt', 'full_length')), mean_plddt double, plddt_source varchar,
    plddt_proxy boolean, rule_key varchar, primary key (segment_id), check (1 <= seq_start and seq_start <= seq_end)
);
comment on table segments is 'a contiguous part of a protein by pLDDT';
comment on column segments.segment_id is 'identity of the segment';
comment on column segments.uniprot_ac is 'UniProt accession, see proteins';
comment on column segments.ordinal is 'position among the segments of its protein, counts from 1';
comment on column segments.seq_start is 'first residue, 1-based inclusive';
comment on column segments.seq_end is 'last residue, 1-based inclusive';
comment on column segments.kind is 'high_plddt, low_plddt, or full_length (an imported whole chain)';
comment on column segments.mean_plddt is 'mean pLDDT of its residues, 0-100';
comment on column segments.plddt_source is 'where the pLDDT came from, as proteins.plddt_source';
comment on column segments.plddt_proxy is 'true: the pLDDT was predicted from sequence, not taken from a structure prediction';
comment on column segments.rule_key is 'hash of the segmentation rule; NULL for imported chains';

create table segment_pairs (
    segment_pair_id varchar, pair_id varchar, segment_a varchar, segment_b varchar, total_length integer,
    primary key (segment_pair_id)
);
comment on table segment_pairs is 'two segments to be folded together';
comment on column segment_pairs.segment_pair_id is 'identity of the segment pair';
comment on column segment_pairs.pair_id is 'pair, see tf_pairs';
comment on column segment_pairs.segment_a is 'first segment, chain A';
comment on column segment_pairs.segment_b is 'second segment, chain B';
comment on column segment_pairs.total_length is 'residues of both segments, count';

create table dropped_segment_pairs (
    task_key varchar, segment_a varchar, segment_b varchar, reason varchar,
    primary key (task_key, segment_a, segment_b)
);
comment on table dropped_segment_pairs is 'segment pairs that were not folded';
comment on column dropped_segment_pairs.task_key is 'content key of the task that made the row';
comment on column dropped_segment_pairs.segment_a is 'first segment';
comment on column dropped_segment_pairs.segment_b is 'second segment';
comment on column dropped_segment_pairs.reason is 'why, for example too_long';

create table msas (
    task_key varchar, uniprot_ac varchar, sequence_sha256 varchar, source varchar, depth integer, neff double,
    median_residue_neff double, n_taxa integer, recipe json, primary key (task_key)
);
comment on table msas is 'alignment of a full-length protein; segment alignments are slices of it';
comment on column msas.task_key is 'content key of the task that made the row';
comment on column msas.uniprot_ac is 'accession whose file it was; NULL where it belongs to every protein of the sequence';
comment on column msas.sequence_sha256 is 'SHA-256 of the query, see proteins; with the recipe what identifies it';
comment on column msas.source is 'query_only, files, mmseqs or server';
comment on column msas.depth is 'sequences including the query, count';
comment on column msas.neff is 'effective number of sequences: each weighs 1 / number of sequences at 80 % identity or more';
comment on column msas.median_residue_neff is 'median over residues of the weights of the sequences with a residue there';
comment on column msas.n_taxa is 'species named in the headers, count; pairing by taxonomy needs them';
comment on column msas.recipe is 'source, parameters and data it was made with';

create table structures (
    task_key varchar, segment_pair_id varchar, backend varchar, model_name varchar, weights varchar,
    num_recycles integer, seed bigint, mean_plddt double, ptm double, iptm double, max_pae double,
    bound_fraction double, bound_fraction_low double, bound_fraction_high double, converged boolean, note varchar,
    structure_sha256 varchar, primary key (task_key)
);
comment on table structures is 'a structure of a segment pair';
comment on column structures.task_key is 'content key of the task that made the row';
comment on column structures.segment_pair_id is 'segment pair, see segment_pairs';
comment on column structures.backend is 'who made it: colabfold, residue_md or imported';
comment on column structures.model_name is 'model or force field, for example alphafold2_multimer_v3 or CALVADOS 2';
comment on column structures.weights is 'SHA-256 of the weights, ''none'' where the backend has none, ''unknown'' if imported, ''random'' for untrained weights (never a hit)';
comment on column structures.num_recycles is 'recycles done, count; NULL where the backend has none';
comment on column structures.seed is 'random seed';
comment on column structures.mean_plddt is 'mean pLDDT of all residues, 0-100; NULL where the backend predicts none';
comment on column structures.ptm is 'predicted TM-score, 0-1; NULL where the backend predicts none';
comment on column structures.iptm is 'interface predicted TM-score, 0-1; NULL where the backend predicts none';
comment on column structures.max_pae is 'largest predicted aligned error, angstrom; NULL where the backend predicts none';
comment on column structures.bound_fraction is 'share of simulated time with the two chains in contact, 0-1; NULL unless simulated';
comment on column structures.bound_fraction_low is 'lower end of the 95 % confidence interval of bound_fraction, 0-1';
comment on column structures.bound_fraction_high is 'upper end of the 95 % confidence interval of bound_fraction, 0-1';
comment on column structures.converged is 'whether the sampling passed the convergence test of its backend; NULL where there is none';
comment on column structures.note is 'why columns are NULL, and other remarks';
comment on column structures.structure_sha256 is 'SHA-256 of the structure file';

create table structure_observables (
    task_key varchar, name varchar, unit varchar, value double, ci_low double, ci_high double, note varchar,
    primary key (task_key, name)
);
comment on table structure_observables is 'further numbers a backend measured on a structure or its ensemble';
comment on column structure_observables.task_key is 'content key of the task that made the row';
comment on column structure_observables.name is 'name of the observable';
comment on column structure_observables.unit is 'unit, ''1'' if dimensionless';
comment on column structure_observables.value is 'value; NULL with a note if it cannot be known';
comment on column structure_observables.ci_low is 'lower end of the 95 % confidence interval, same unit';
comment on column structure_observables.ci_high is 'upper end of the 95 % confidence interval, same unit';
comment on column structure_observables.note is 'why value is NULL, or a caveat';

create table scores (
    task_key varchar, structure_key varchar, score_version integer, n_contacts integer, n_interface_residues integer,
    n_interface_a integer, n_interface_b integer, n_confident_contacts integer, mean_plddt_a double,
    mean_plddt_b double, interface_plddt double, pdockq double, ppv double, pdockq2_a double, pdockq2_b double,
    pdockq2_zhu2023_a double, pdockq2_zhu2023_b double, iptm double, ptm double, iptm_d0chn_ab double,
    iptm_d0chn_ba double, actifptm double, reactifptm_ab double, reactifptm_ba double, ipsae_ab double,
    ipsae_ba double, ipsae10_ab double, ipsae10_ba double, lis_ab double, lis_ba double, lia_ab integer,
    lia_ba integer, clis_ab double, clis_ba double, clia_ab integer, clia_ba integer, ilis_ab double, ilis_ba double,
    min_ipae double, mean_ipae double, contact_ipae double, n_opposite_charges integer, n_like_charges integer,
    interface_charge_a integer, interface_charge_b integer, charge_complementarity double, delta_plddt_a double,
    delta_plddt_b double, null_reason varchar, primary key (task_key)
);
comment on table scores is 'interface scores of a structure; NULL where the structure cannot support a metric';
comment on column scores.task_key is 'content key of the task that made the row';
comment on column scores.structure_key is 'task of the structure, see structures';
comment on column scores.score_version is 'version of the scoring code';
comment on column scores.n_contacts is 'residue pairs across the interface within the contact cutoff, count';
comment on column scores.n_interface_residues is 'residues with a contact across the interface, count';
comment on column scores.n_interface_a is 'residues of chain A with a contact across the interface, count';
comment on column scores.n_interface_b is 'residues of chain B with a contact across the interface, count';
comment on column scores.n_confident_contacts is 'residue pairs with heavy atoms within 8 angstrom, PAE of at most 15 in one direction and pLDDT of both at least 50, count (predictomes.org)';
comment on column scores.mean_plddt_a is 'mean pLDDT of chain A, 0-100';
comment on column scores.mean_plddt_b is 'mean pLDDT of chain B, 0-100';
comment on column scores.interface_plddt is 'mean pLDDT of the interface residues, 0-100';
comment on column scores.pdockq is 'pDockQ, 0-1 (Bryant et al. 2022, doi 10.1038/s41467-022-28865-w)';
comment on column scores.ppv is 'precision expected at this pDockQ, 0-1 (Bryant et al. 2022)';
comment on column scores.pdockq2_a is 'pDockQ2 of chain A, variant of ColabFold and ipsae.py, 0-1 (Zhu et al. 2023, doi 10.1093/bioinformatics/btad424)';
comment on column scores.pdockq2_b is 'pDockQ2 of chain B, variant of ColabFold and ipsae.py, 0-1 (Zhu et al. 2023)';
comment on column scores.pdockq2_zhu2023_a is 'pDockQ2 of chain A as its authors'' script has it: CA contacts, pLDDT of the chain itself, 0-1';
comment on column scores.pdockq2_zhu2023_b is 'pDockQ2 of chain B as its authors'' script has it, 0-1';
comment on column scores.ipsae_ab is 'ipSAE, A aligned and B scored, PAE cutoff 15 angstrom, 0-1 (Dunbrack 2025, doi 10.1101/2025.02.10.637595)';
comment on column scores.ipsae_ba is 'ipSAE, B aligned and A scored, PAE cutoff 15 angstrom, 0-1';
comment on column scores.ipsae10_ab is 'ipSAE, A aligned and B scored, PAE cutoff 10 angstrom, 0-1';
comment on column scores.ipsae10_ba is 'ipSAE, B aligned and A scored, PAE cutoff 10 angstrom, 0-1';
comment on column scores.iptm_d0chn_ab is 'ipTM approximated from PAE, A aligned and B scored, 0-1 (ipTM_d0chn of Dunbrack 2025)';
comment on column scores.iptm_d0chn_ba is 'ipTM approximated from PAE, B aligned and A scored, 0-1';
comment on column scores.actifptm is 'ipTM of the interface alone from the network''s logits, 0-1 (Varga et al. 2025, doi 10.1093/bioinformatics/btaf107); NULL where the program gave none';
comment on column scores.reactifptm_ab is 'actifpTM approximated from PAE and contacts, A aligned and B scored, 0-1';
comment on column scores.reactifptm_ba is 'actifpTM approximated from PAE and contacts, B aligned and A scored, 0-1';
comment on column scores.lis_ab is 'local interaction score, A aligned and B scored, 0-1 (Kim et al. 2024, doi 10.1101/2024.02.19.580970)';
comment on column scores.lis_ba is 'local interaction score, B aligned and A scored, 0-1';
comment on column scores.lia_ab is 'local interaction area: residue pairs with PAE below 12 angstrom, A aligned and B scored, count (Kim et al. 2024)';
comment on column scores.lia_ba is 'local interaction area, B aligned and A scored, count';
comment on column scores.clis_ab is 'local interaction score of the pairs that are also nearer than 8 angstrom, A aligned and B scored, 0-1';
comment on column scores.clis_ba is 'the same, B aligned and A scored, 0-1';
comment on column scores.clia_ab is 'pairs of clis_ab, count';
comment on column scores.clia_ba is 'pairs of clis_ba, count';
comment on column scores.ilis_ab is 'square root of lis_ab times clis_ab, 0-1';
comment on column scores.ilis_ba is 'square root of lis_ba times clis_ba, 0-1';
comment on column scores.iptm is 'interface predicted TM-score, 0-1';
comment on column scores.ptm is 'predicted TM-score, 0-1';
comment on column scores.min_ipae is 'smallest PAE between the chains, angstrom';
comment on column scores.mean_ipae is 'mean PAE between the chains, angstrom';
comment on column scores.contact_ipae is 'mean PAE of the pairs in contact, both directions, angstrom; NULL without contacts';
comment on column scores.n_opposite_charges is 'pairs of residues of opposite formal charge at pH 7.4, charged atoms within 7.15 angstrom across the interface, count';
comment on column scores.n_like_charges is 'the same for residues of like charge, count';
comment on column scores.interface_charge_a is 'net formal charge of the interface residues of chain A at pH 7.4, elementary charges';
comment on column scores.interface_charge_b is 'net formal charge of the interface residues of chain B at pH 7.4, elementary charges';
comment on column scores.charge_complementarity is '(opposite - like) / (opposite + like) of the charged pairs, -1 to 1; NULL without such a pair';
comment on column scores.delta_plddt_a is 'mean pLDDT of segment A in the complex less that of its residues in the protein alone, see induced_folding';
comment on column scores.delta_plddt_b is 'mean pLDDT of segment B in the complex less that of its residues in the protein alone, see induced_folding';
comment on column scores.null_reason is 'why scores are NULL';

create table induced_folding (
    task_key varchar, structure_key varchar, chain varchar check (chain in ('A', 'B')), segment_id varchar,
    partner_id varchar, baseline_key varchar, baseline_source varchar,
    baseline_kind varchar check (baseline_kind in ('monomer', 'homodimer', 'sequence')), n_residues integer,
    plddt_alone double, plddt_in_complex double, delta_mean double, delta_median double, delta_maximum_window double,
    fraction_risen double, n_interface integer, interface_delta_mean double, interface_delta_median double,
    interface_delta_maximum_window double, interface_fraction_risen double, primary key (task_key, chain)
);
comment on table induced_folding is 'pLDDT of a segment in a complex less that of its residues in the protein alone';
comment on column induced_folding.task_key is 'content key of the task that made the row';
comment on column induced_folding.structure_key is 'task of the structure, see structures';
comment on column induced_folding.chain is 'chain of the segment, A or B';
comment on column induced_folding.segment_id is 'the segment, see segments';
comment on column induced_folding.partner_id is 'the segment it is folded with, see segments';
comment on column induced_folding.baseline_key is 'task that gave the pLDDT of the protein alone, see residues';
comment on column induced_folding.baseline_source is 'file or program that pLDDT came from';
comment on column induced_folding.baseline_kind is 'monomer or homodimer (from a predicted structure) or sequence (a network''s estimate without a structure)';
comment on column induced_folding.n_residues is 'residues of the segment, count';
comment on column induced_folding.plddt_alone is 'mean pLDDT of the segment''s residues in the protein alone, 0-100';
comment on column induced_folding.plddt_in_complex is 'mean pLDDT of the segment in the complex, 0-100';
comment on column induced_folding.delta_mean is 'mean over residues of pLDDT in the complex less alone';
comment on column induced_folding.delta_median is 'median over residues of the same difference';
comment on column induced_folding.delta_maximum_window is 'largest mean difference over 10 consecutive residues';
comment on column induced_folding.fraction_risen is 'share of residues whose pLDDT is higher by more than 10, 0-1';
comment on column induced_folding.n_interface is 'residues of the segment with a contact across the interface, count';
comment on column induced_folding.interface_delta_mean is 'delta_mean of the residues with a contact; NULL without any';
comment on column induced_folding.interface_delta_median is 'delta_median of the residues with a contact; NULL without any';
comment on column induced_folding.interface_delta_maximum_window is 'largest mean difference over 10 consecutive residues of which one has a contact; NULL without any';
comment on column induced_folding.interface_fraction_risen is 'fraction_risen of the residues with a contact, 0-1; NULL without any';

create table selections (
    task_key varchar, structure_key varchar, selected boolean, rank integer, reason varchar,
    primary key (task_key, structure_key)
);
comment on table selections is 'decision whether a structure goes on to molecular dynamics';
comment on column selections.task_key is 'content key of the task that made the row';
comment on column selections.structure_key is 'task of the structure, see structures';
comment on column selections.selected is 'whether it goes on';
comment on column selections.rank is 'place in the ranking, counts from 1; NULL if it was not ranked';
comment on column selections.reason is 'rule that decided';

-- molecular dynamics -------------------------------------------------------------------------------------------

create table md_runs (
    task_key varchar, structure_key varchar, system varchar check (system in ('complex', 'monomer_a', 'monomer_b')),
    replica integer, force_field varchar, purpose varchar, water_model varchar, n_atoms integer, temperature_k double,
    pressure_bar double, ionic_strength_m double, timestep_fs double, target_ns double, completed_ns double,
    taken_from varchar, taken_over_ns double, seed bigint, platform varchar, ns_per_day double, primary key (task_key)
);
comment on table md_runs is 'a molecular dynamics trajectory';
comment on column md_runs.task_key is 'content key of the task that made the row';
comment on column md_runs.structure_key is 'task of the starting structure, see structures';
comment on column md_runs.system is 'complex, monomer_a or monomer_b';
comment on column md_runs.replica is 'replica, counts from 1';
comment on column md_runs.force_field is 'protein force field';
comment on column md_runs.purpose is 'what the force field and length are fit for, for example smoke or production';
comment on column md_runs.water_model is 'water model, or the implicit solvent';
comment on column md_runs.n_atoms is 'particles simulated, count';
comment on column md_runs.temperature_k is 'temperature, K';
comment on column md_runs.pressure_bar is 'pressure, bar; NULL at constant volume';
comment on column md_runs.ionic_strength_m is 'ionic strength, mol/L';
comment on column md_runs.timestep_fs is 'time step, fs';
comment on column md_runs.target_ns is 'simulated time asked for, ns';
comment on column md_runs.completed_ns is 'simulated time done, ns';
comment on column md_runs.taken_from is 'task of the same run at another length that its first part was taken over from; NULL where it began by itself';
comment on column md_runs.taken_over_ns is 'simulated time taken over, ns';
comment on column md_runs.seed is 'random seed';
comment on column md_runs.platform is 'OpenMM platform';
comment on column md_runs.ns_per_day is 'speed, ns of simulated time a day';

create table md_metrics (
    task_key varchar, md_key varchar, metric varchar, unit varchar, mean double, ci_low double, ci_high double,
    standard_error double, n_eff double, discarded_ps double, note varchar, primary key (task_key, metric)
);
comment on table md_metrics is 'a number measured on a trajectory';
comment on column md_metrics.task_key is 'content key of the task that made the row';
comment on column md_metrics.md_key is 'task of the trajectory, see md_runs; NULL where it is the task of this row';
comment on column md_metrics.metric is 'name of the metric';
comment on column md_metrics.unit is 'unit, ''1'' if dimensionless';
comment on column md_metrics.mean is 'mean over the analysed part; NULL where it is withheld, see note';
comment on column md_metrics.ci_low is 'lower end of the 95 % confidence interval, same unit';
comment on column md_metrics.ci_high is 'upper end of the 95 % confidence interval, same unit';
comment on column md_metrics.standard_error is 'standard error of mean from blocks of about two independent samples, same unit';
comment on column md_metrics.n_eff is 'effective number of independent samples, count';
comment on column md_metrics.discarded_ps is 'simulated time left out before the mean as equilibration, ps';
comment on column md_metrics.note is 'why mean is NULL, or a caveat';

create table md_residues (
    task_key varchar, md_key varchar, chain varchar, residue integer, displacement_complex_nm double,
    displacement_chain_nm double, rmsf_nm double, helix_fraction double, strand_fraction double, plddt double,
    primary key (task_key, chain, residue)
);
comment on table md_residues is 'per-residue mobility in a trajectory';
comment on column md_residues.task_key is 'content key of the task that made the row';
comment on column md_residues.md_key is 'task of the trajectory, see md_runs; NULL where it is the task of this row';
comment on column md_residues.chain is 'chain identifier';
comment on column md_residues.residue is 'residue number in the full-length protein, 1-based';
comment on column md_residues.displacement_complex_nm is 'root-mean-square distance of C-alpha from the start, the whole complex superposed, nm';
comment on column md_residues.displacement_chain_nm is 'root-mean-square distance of C-alpha from the start, its own chain superposed, nm';
comment on column md_residues.rmsf_nm is 'root-mean-square fluctuation of C-alpha about its average, its own chain superposed, nm';
comment on column md_residues.helix_fraction is 'share of frames in a helix (DSSP codes H, G, I), 0-1';
comment on column md_residues.strand_fraction is 'share of frames in a strand or bridge (DSSP codes E, B), 0-1';
comment on column md_residues.plddt is 'pLDDT of the residue in the simulated structure, 0-100; NULL where its backend predicts none';

create table md_plddt_correlations (
    task_key varchar, md_key varchar, chain varchar, mobility varchar, n_residues integer, pearson double,
    pearson_p double, spearman double, spearman_p double, note varchar, primary key (task_key, chain, mobility)
);
comment on table md_plddt_correlations is 'mobility in a trajectory against pLDDT, over residues';
comment on column md_plddt_correlations.task_key is 'content key of the task that made the row';
comment on column md_plddt_correlations.md_key is 'task of the trajectory, see md_runs';
comment on column md_plddt_correlations.chain is 'chain identifier, or all';
comment on column md_plddt_correlations.mobility is 'displacement_complex, displacement_chain or rmsf, see md_residues';
comment on column md_plddt_correlations.n_residues is 'residues compared, count';
comment on column md_plddt_correlations.pearson is 'Pearson correlation, negative where confident residues move less; NULL if either is constant';
comment on column md_plddt_correlations.pearson_p is 'two-sided p by bootstrap over blocks of frames and stretches of residues; NULL with too few of either';
comment on column md_plddt_correlations.spearman is 'Spearman rank correlation; NULL if either is constant';
comment on column md_plddt_correlations.spearman_p is 'as pearson_p, of the rank correlation';
comment on column md_plddt_correlations.note is 'why something is NULL';

create table md_hydrogen_bonds (
    task_key varchar, md_key varchar, donor_chain varchar, donor_residue integer, donor_atom varchar,
    acceptor_chain varchar, acceptor_residue integer, acceptor_atom varchar, occupancy double,
    primary key (task_key, donor_chain, donor_residue, donor_atom, acceptor_residue, acceptor_atom)
);
comment on table md_hydrogen_bonds is 'hydrogen bonds between the chains of a trajectory, those seen in at least 5 % of its frames';
comment on column md_hydrogen_bonds.task_key is 'content key of the task that made the row';
comment on column md_hydrogen_bonds.md_key is 'task of the trajectory, see md_runs';
comment on column md_hydrogen_bonds.donor_chain is 'chain of the donor';
comment on column md_hydrogen_bonds.donor_residue is 'residue of the donor in the full-length protein, 1-based';
comment on column md_hydrogen_bonds.donor_atom is 'name of the donor, the atom that has the hydrogen';
comment on column md_hydrogen_bonds.acceptor_chain is 'chain of the acceptor';
comment on column md_hydrogen_bonds.acceptor_residue is 'residue of the acceptor in the full-length protein, 1-based';
comment on column md_hydrogen_bonds.acceptor_atom is 'name of the acceptor';
comment on column md_hydrogen_bonds.occupancy is 'share of frames with the bond, 0-1; the criterion is in the note of md_metrics interchain_hydrogen_bonds';

-- outside evidence ---------------------------------------------------------------------------------------------

create table evidence (
    pair_id varchar, source varchar, channel varchar, score double, reference varchar,
    primary key (pair_id, source, channel, reference)
);
comment on table evidence is 'evidence for a pair from outside the screen';
comment on column evidence.pair_id is 'pair, see tf_pairs';
comment on column evidence.source is 'database, for example BioGRID';
comment on column evidence.channel is 'kind of evidence in that database';
comment on column evidence.score is 'score on the scale of the database; NULL if it has none';
comment on column evidence.reference is 'PubMed identifier, DOI or accession; '''' if none';

create table variants (
    uniprot_ac varchar, position integer, ref varchar, alt varchar, label varchar, reference varchar,
    primary key (uniprot_ac, position, alt)
);
comment on table variants is 'missense variants of interest';
comment on column variants.uniprot_ac is 'UniProt accession, see proteins';
comment on column variants.position is 'residue number, 1-based';
comment on column variants.ref is 'reference residue, one-letter code';
comment on column variants.alt is 'variant residue, one-letter code';
comment on column variants.label is 'clinical or other significance';
comment on column variants.reference is 'where the variant is reported';

-- bookkeeping --------------------------------------------------------------------------------------------------

create table tasks (
    task_key varchar, stage varchar, stage_version integer, subject varchar,
    status varchar check (status in ('ok', 'failed')), inputs json, upstream json, settings json,
    settings_sha256 varchar, record_sha256 varchar, finished_at timestamptz, primary key (task_key)
);
comment on table tasks is 'a task that has a record';
comment on column tasks.task_key is 'content key: hash of stage, version, inputs, upstream keys and settings';
comment on column tasks.stage is 'name of the stage';
comment on column tasks.stage_version is 'version of the stage''s function';
comment on column tasks.subject is 'what the task is about, readable';
comment on column tasks.status is 'ok, or failed where a repetition would fail in the same way';
comment on column tasks.inputs is 'values that determine the result beside upstream tasks and settings';
comment on column tasks.upstream is 'role to task_key of the tasks whose results were read';
comment on column tasks.settings is 'settings that determine the result';
comment on column tasks.settings_sha256 is 'SHA-256 of the canonical JSON of settings';
comment on column tasks.record_sha256 is 'SHA-256 of the record file';
comment on column tasks.finished_at is 'end of the task, UTC';

create table attempts (
    task_key varchar, run_id varchar, attempt integer, stage varchar, subject varchar,
    status varchar check (status in ('ok', 'failed', 'preempted', 'cancelled')), failure varchar, message varchar,
    cure varchar, node varchar, accelerator varchar, started_at timestamptz, wall_s double, cpu_s double,
    gpu_s double, peak_rss_gib double, primary key (task_key, run_id, attempt)
);
comment on table attempts is 'one try at a task';
comment on column attempts.task_key is 'task that was tried; it has no row in tasks if no try ended it';
comment on column attempts.run_id is 'run that tried, see runs';
comment on column attempts.attempt is 'try within the run, counts from 1';
comment on column attempts.stage is 'stage of the task';
comment on column attempts.subject is 'what the task is about, readable';
comment on column attempts.status is 'ok, failed, preempted or cancelled';
comment on column attempts.failure is 'class of the failure; NULL if ok';
comment on column attempts.message is 'what happened; NULL if ok';
comment on column attempts.cure is 'what mends it; NULL if ok or unknown';
comment on column attempts.node is 'host name';
comment on column attempts.accelerator is 'name of the GPU; NULL on a CPU';
comment on column attempts.started_at is 'start, UTC';
comment on column attempts.wall_s is 'elapsed time, s';
comment on column attempts.cpu_s is 'processor time, s';
comment on column attempts.gpu_s is 'GPU reservation, GPU-seconds';
comment on column attempts.peak_rss_gib is 'largest resident memory of the worker process so far, GiB';

create table artifacts (
    task_key varchar, role varchar, sha256 varchar, size_bytes bigint, media_type varchar, path varchar,
    primary key (task_key, role)
);
comment on table artifacts is 'files made by tasks';
comment on column artifacts.task_key is 'content key of the task that made the row';
comment on column artifacts.role is 'what the file is to its task, for example structure or trajectory';
comment on column artifacts.sha256 is 'SHA-256 of the content';
comment on column artifacts.size_bytes is 'size, bytes';
comment on column artifacts.media_type is 'media type, for example chemical/x-pdb';
comment on column artifacts.path is 'place below the root of the store';
