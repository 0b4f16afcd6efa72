-- Answers to the questions people ask, as views and table macros over schema.sql.
-- A view column without a comment here has the meaning of the table column of the same name.

create view hits as
    with best as (
        from scores
        qualify row_number() over (partition by structure_key order by score_version desc, task_key) = 1
    )
    select
        coalesce(pa.gene, sa.uniprot_ac) as gene_a, coalesce(pb.gene, sb.uniprot_ac) as gene_b,
        sa.seq_start || '-' || sa.seq_end as range_a, sb.seq_start || '-' || sb.seq_end as range_b,
        sa.kind as kind_a, sb.kind as kind_b, p.kind as pair_kind,
        t.backend, t.model_name, t.weights,
        greatest(s.ipsae_ab, s.ipsae_ba) as ipsae, greatest(s.ipsae10_ab, s.ipsae10_ba) as ipsae10,
        greatest(s.pdockq2_a, s.pdockq2_b) as pdockq2, (s.lis_ab + s.lis_ba) / 2 as lis,
        (s.lia_ab + s.lia_ba) / 2 as lia, (s.clis_ab + s.clis_ba) / 2 as clis, (s.ilis_ab + s.ilis_ba) / 2 as ilis,
        s.iptm, s.ptm, s.actifptm, s.pdockq, s.ppv, s.min_ipae, s.mean_ipae, s.contact_ipae, s.n_contacts,
        s.n_confident_contacts, s.n_interface_residues, s.charge_complementarity, s.interface_plddt, s.delta_plddt_a, s.delta_plddt_b, t.mean_plddt,
        t.bound_fraction, t.bound_fraction_low, t.bound_fraction_high, t.converged,
        coalesce(sa.plddt_proxy, false) or coalesce(sb.plddt_proxy, false) as plddt_proxy,
        s.null_reason, t.note,
        sa.uniprot_ac as uniprot_a, sb.uniprot_ac as uniprot_b, x.total_length,
        x.pair_id, x.segment_pair_id, s.structure_key, a.path as structure_path
    from best s
    join structures t on t.task_key = s.structure_key
    join segment_pairs x using (segment_pair_id)
    join segments sa on sa.segment_id = x.segment_a
    join segments sb on sb.segment_id = x.segment_b
    left join tf_pairs p using (pair_id)
    left join proteins pa on pa.uniprot_ac = sa.uniprot_ac
    left join proteins pb on pb.uniprot_ac = sb.uniprot_ac
    left join artifacts a on a.task_key = s.structure_key and a.role = 'structure'
    where t.weights is distinct from 'random';
comment on view hits is 'every scored structure, one row each; structures from untrained (random) weights never appear';
comment on column hits.gene_a is 'gene symbol of the protein of chain A; its accession where the gene is unknown';
comment on column hits.gene_b is 'gene symbol of the protein of chain B; its accession where the gene is unknown';
comment on column hits.range_a is 'first-last residue of segment A, 1-based inclusive';
comment on column hits.range_b is 'first-last residue of segment B, 1-based inclusive';
comment on column hits.kind_a is 'kind of segment A: high_plddt, low_plddt or full_length';
comment on column hits.kind_b is 'kind of segment B: high_plddt, low_plddt or full_length';
comment on column hits.pair_kind is 'homodimer, intra_family or inter_family (by DNA-binding-domain family), or cofactor (see tf_pairs)';
comment on column hits.ipsae is 'ipSAE, the larger of both directions, PAE cutoff 15 angstrom, 0-1';
comment on column hits.ipsae10 is 'ipSAE, the larger of both directions, PAE cutoff 10 angstrom, 0-1';
comment on column hits.pdockq2 is 'pDockQ2, the larger of both chains, 0-1';
comment on column hits.lis is 'local interaction score, mean of both directions, 0-1';
comment on column hits.lia is 'local interaction area, mean of both directions, residue pairs';
comment on column hits.clis is 'local interaction score of pairs in contact, mean of both directions, 0-1';
comment on column hits.ilis is 'square root of the two local interaction scores multiplied, mean of both directions, 0-1';
comment on column hits.iptm is 'interface predicted TM-score, 0-1';
comment on column hits.ptm is 'predicted TM-score, 0-1';
comment on column hits.mean_plddt is 'mean pLDDT of all residues of the structure, 0-100';
comment on column hits.plddt_proxy is 'true: a segment was cut by a pLDDT predicted from sequence, not from a structure';
comment on column hits.note is 'remarks of the folding backend, for example why columns are NULL';
comment on column hits.uniprot_a is 'UniProt accession of chain A';
comment on column hits.uniprot_b is 'UniProt accession of chain B';
comment on column hits.structure_path is 'place of the structure file below the root of the store';

create macro partners_of(g) as table
    select * from hits where gene_a = g or gene_b = g
    order by ipsae desc, bound_fraction desc, pdockq desc, structure_key;
comment on macro table partners_of is 'hits with a gene on either side, best first';

create view cell_type_hits as
    select
        c.cell_type_id, coalesce(c.name, o.cell_type_id) as cell_type, c.simulated, o.edges, h.*
    from hits h
    join (
        select
            pair_id, cell_type_id,
            list(distinct cause_motif || ' → ' || effect_motif order by cause_motif || ' → ' || effect_motif) as edges
        from pair_origins group by all
    ) o using (pair_id)
    left join cell_types c using (cell_type_id);
comment on view cell_type_hits is 'hits by the cell types whose networks gave the pair; one structure may serve many';
comment on column cell_type_hits.cell_type is 'readable name of the cell type';
comment on column cell_type_hits.edges is 'causal edges the pair comes from, cause → effect';

create view induced_folding_z as
    with known as (
        select f.*, t.backend, t.model_name, t.weights
        from induced_folding f join structures t on t.task_key = f.structure_key
        where t.weights is distinct from 'random'
        qualify row_number() over (partition by f.structure_key, f.chain, f.baseline_key order by f.task_key) = 1
    ),
    partners as (
        select segment_id, baseline_key, backend, model_name, weights, partner_id, avg(delta_mean) as delta_mean
        from known group by all
    ),
    spread as (
        select
            segment_id, baseline_key, backend, model_name, weights, count(*) as n_partners,
            avg(delta_mean) as partners_mean, stddev_samp(delta_mean) as partners_sd
        from partners group by all
    )
    select
        coalesce(p.gene, g.uniprot_ac) as gene, g.seq_start || '-' || g.seq_end as residues, g.kind,
        k.* exclude (weights), s.n_partners, s.partners_mean, s.partners_sd,
        case
            when s.n_partners >= 3 and s.partners_sd > 0 then (k.delta_mean - s.partners_mean) / s.partners_sd
        end as z
    from known k
    join spread s
        on s.segment_id = k.segment_id and s.baseline_key = k.baseline_key and s.backend = k.backend
        and s.model_name = k.model_name and s.weights is not distinct from k.weights
    left join segments g on g.segment_id = k.segment_id
    left join proteins p on p.uniprot_ac = g.uniprot_ac;
comment on view induced_folding_z is 'induced_folding with the z-score of each segment''s rise among all partners it was folded with';
comment on column induced_folding_z.gene is 'gene symbol of the segment''s protein; its accession where the gene is unknown';
comment on column induced_folding_z.residues is 'first-last residue of the segment, 1-based inclusive';
comment on column induced_folding_z.kind is 'kind of the segment: high_plddt, low_plddt or full_length';
comment on column induced_folding_z.n_partners is 'segments it was folded with by the same network, compared with the same baseline, count';
comment on column induced_folding_z.partners_mean is 'mean of delta_mean over them';
comment on column induced_folding_z.partners_sd is 'sample standard deviation of delta_mean over them';
comment on column induced_folding_z.z is '(delta_mean - partners_mean) / partners_sd, this partner among them; NULL for fewer than 3 partners or equal ones';

create view folding_upon_binding as
    select * from induced_folding_z
    where kind = 'low_plddt' and delta_mean > 0 and n_interface > 0
    order by z desc nulls last, interface_delta_mean desc, structure_key, chain;
comment on view folding_upon_binding is 'disordered segments whose mean pLDDT is higher in a complex they touch than alone (Fu et al. 2025); z says whether that is this partner''s doing';

create view novel_hits as
    from hits where pair_id not in (select pair_id from evidence where pair_id is not null);
comment on view novel_hits is 'hits whose pair has no row in evidence: as novel as the evidence loaded is complete';

create view variant_contacts as
    with sided as (
        select segment_pair_id, 'A' as variant_chain, segment_a as segment_id from segment_pairs
        union all
        select segment_pair_id, 'B' as variant_chain, segment_b as segment_id from segment_pairs
    )
    select
        v.uniprot_ac as variant_protein, v.ref || v.position || v.alt as variant, v.label as variant_label,
        v.reference as variant_reference, d.variant_chain, h.*
    from variants v
    join segments s on s.uniprot_ac = v.uniprot_ac and v.position between s.seq_start and s.seq_end
    join sided d using (segment_id)
    join hits h using (segment_pair_id);
comment on view variant_contacts is 'hits that have a variant inside one of their segments';
comment on column variant_contacts.variant_protein is 'UniProt accession of the protein with the variant';
comment on column variant_contacts.variant is 'reference residue, 1-based position in the protein, variant residue';
comment on column variant_contacts.variant_label is 'clinical or other significance';
comment on column variant_contacts.variant_reference is 'where the variant is reported';
comment on column variant_contacts.variant_chain is 'chain of the structure that has the residue, A or B';

create view md_stability as
    select
        h.gene_a, h.range_a, h.gene_b, h.range_b, r.system, r.replica, m.metric, m.unit, m.mean, m.ci_low, m.ci_high,
        m.standard_error, m.n_eff, m.discarded_ps, m.note, r.completed_ns, r.target_ns, r.force_field, r.purpose,
        r.water_model, r.temperature_k, r.structure_key, m.task_key
    from md_metrics m
    join md_runs r on r.task_key = coalesce(m.md_key, m.task_key)
    left join hits h using (structure_key);
comment on view md_stability is 'what molecular dynamics says about each complex, one row per trajectory and metric';

create view md_collapse as
    with runs as (
        select
            r.structure_key, r.system, m.metric, m.unit, r.force_field, r.completed_ns, m.mean, m.standard_error,
            t.settings_sha256 as protocol, a.settings_sha256 as analysis
        from md_metrics m
        join md_runs r on r.task_key = coalesce(m.md_key, m.task_key)
        left join tasks t on t.task_key = r.task_key
        left join tasks a on a.task_key = m.task_key
        where regexp_matches(m.metric, '^(radius_of_gyration|end_to_end|native_contacts)_')
    ),
    sides as (
        select
            structure_key, system, metric, unit, force_field, protocol, analysis, count(*) as n_replicas,
            count(mean) as n_known, min(completed_ns) as shortest_ns, max(completed_ns) as longest_ns,
            avg(mean) as mean,
            greatest(
                sqrt(sum(standard_error * standard_error)) / count(*),
                coalesce(stddev_samp(mean) / sqrt(count(*)), 0)
            ) as standard_error
        from runs group by all
    ),
    compared as (
        select
            c.structure_key, m.system, c.metric, c.unit, c.force_field, c.n_replicas, c.longest_ns as completed_ns,
            c.mean as in_complex, m.mean as alone, c.mean - m.mean as difference,
            sqrt(c.standard_error * c.standard_error + m.standard_error * m.standard_error) as standard_error,
            case
                when c.n_replicas <> m.n_replicas
                    then 'withheld: ' || c.n_replicas || ' replicas of the complex, ' || m.n_replicas
                        || ' of the chain alone'
                when least(c.shortest_ns, m.shortest_ns) < greatest(c.longest_ns, m.longest_ns)
                    then 'withheld: lengths differ'
                when c.n_known < c.n_replicas or m.n_known < m.n_replicas
                    then 'withheld: the mean of a replica is withheld'
            end as note
        from sides c
        join sides m
            on c.system = 'complex' and m.system <> 'complex' and m.structure_key = c.structure_key
            and m.metric = c.metric and m.force_field is not distinct from c.force_field
            and m.protocol is not distinct from c.protocol and m.analysis is not distinct from c.analysis
    )
    select
        h.gene_a, h.range_a, h.gene_b, h.range_b, d.system, d.metric, d.unit,
        case when d.note is null then d.in_complex end as in_complex,
        case when d.note is null then d.alone end as alone,
        case when d.note is null then d.difference end as difference,
        case when d.note is null then d.standard_error end as standard_error,
        case when d.note is null and d.standard_error > 0 then d.difference / d.standard_error end as z,
        d.n_replicas, d.completed_ns, d.force_field, d.note, d.structure_key
    from compared d
    left join hits h using (structure_key);
comment on view md_collapse is 'size and native contacts of a chain in the complex less those of the chain alone, where both were simulated by one protocol';
comment on column md_collapse.system is 'monomer compared: monomer_a or monomer_b';
comment on column md_collapse.in_complex is 'mean over replicas in the complex; NULL where it is withheld, see note';
comment on column md_collapse.alone is 'mean over replicas of the chain alone; NULL where it is withheld, see note';
comment on column md_collapse.difference is 'in_complex - alone: a radius of gyration below 0 is a collapse upon binding';
comment on column md_collapse.standard_error is 'of difference; of each side the larger of what blocks within replicas and what the spread of replicas gives';
comment on column md_collapse.z is 'difference / standard_error';
comment on column md_collapse.n_replicas is 'replicas of the complex, count';
comment on column md_collapse.note is 'why numbers are withheld';

create view md_mobility as
    select
        h.gene_a, h.range_a, h.gene_b, h.range_b, r.system, r.replica, c.chain, c.mobility, c.n_residues, c.pearson,
        c.pearson_p, c.spearman, c.spearman_p, c.note, r.completed_ns, r.force_field, r.structure_key, c.task_key
    from md_plddt_correlations c
    join md_runs r on r.task_key = coalesce(c.md_key, c.task_key)
    left join hits h using (structure_key);
comment on view md_mobility is 'whether residues of high pLDDT move less, one row per trajectory, chain and definition of mobility';

create view top_motifs as
    select
        a.cell_type_id, coalesce(c.name, a.cell_type_id) as cell_type, c.simulated, a.motif_id,
        a.mean_abs_score, a.mean_score, a.n_genes,
        row_number() over (partition by a.cell_type_id order by a.mean_abs_score desc, a.motif_id) as rank,
        a.task_key
    from (
        select m.* from motif_attributions m left join tasks t using (task_key)
        qualify m.task_key = max_by(m.task_key, (coalesce(t.finished_at, 'epoch'), m.task_key))
            over (partition by m.cell_type_id)
    ) a
    left join cell_types c using (cell_type_id);
comment on view top_motifs is 'motifs of each cell type by attribution, from its latest attribution task';
comment on column top_motifs.cell_type is 'readable name of the cell type';
comment on column top_motifs.rank is 'place by mean_abs_score within the cell type, counts from 1';

create view latest_edges as
    select
        coalesce(c.name, e.cell_type_id) as cell_type, e.*
    from (
        select n.* from causal_edges n left join tasks t using (task_key)
        qualify n.task_key = max_by(n.task_key, (coalesce(t.finished_at, 'epoch'), n.task_key))
            over (partition by n.cell_type_id)
    ) e
    left join cell_types c using (cell_type_id);
comment on view latest_edges is 'causal edges of the latest network of each cell type';
comment on column latest_edges.cell_type is 'readable name of the cell type';

create view motif_degrees as
    select
        cell_type_id, cell_type, motif_id,
        count(*) filter (outgoing) as out_degree, count(*) filter (not outgoing) as in_degree,
        coalesce(sum(strength) filter (outgoing), 0) as out_strength,
        coalesce(sum(strength) filter (not outgoing), 0) as in_strength
    from (
        select cell_type_id, cell_type, cause_motif as motif_id, true as outgoing, abs(effect) as strength
        from latest_edges where selected
        union all
        select cell_type_id, cell_type, effect_motif, false, abs(effect) from latest_edges where selected
    )
    group by all;
comment on view motif_degrees is 'selected causes and effects of each motif in the latest network of each cell type; motifs with neither are absent';
comment on column motif_degrees.cell_type is 'readable name of the cell type';
comment on column motif_degrees.out_degree is 'motifs that it drives, count';
comment on column motif_degrees.in_degree is 'motifs that drive it, count';
comment on column motif_degrees.out_strength is 'sum of |effect| of the edges that leave it';
comment on column motif_degrees.in_strength is 'sum of |effect| of the edges that reach it';

create view recovered_edges as
    select
        t.cell_type_id, t.cause_motif, t.effect_motif, t.effect as planted_effect, e.effect as found_effect,
        e.abs_effect_pct, coalesce(e.selected, false) as selected
    from truth_edges t
    left join latest_edges e using (cell_type_id, cause_motif, effect_motif);
comment on view recovered_edges is 'planted edges of simulated cell types and what the latest network found of them';
comment on column recovered_edges.planted_effect is 'planted coefficient';
comment on column recovered_edges.found_effect is 'LiNGAM coefficient of the same edge; NULL where the network lacks it';

create view failures as
    select
        a.stage, a.failure, count(*) as n, count(distinct a.task_key) as n_tasks,
        count(distinct a.task_key) filter (t.task_key is null or t.status <> 'ok') as n_open,
        min_by(a.subject, a.started_at) as example_subject, min_by(a.message, a.started_at) as example,
        min_by(a.cure, a.started_at) as cure
    from attempts a left join tasks t using (task_key)
    where a.status = 'failed'
    group by a.stage, a.failure
    order by n desc, a.stage, a.failure;
comment on view failures is 'failed attempts by stage and class of failure, with the earliest as example';
comment on column failures.n is 'failed attempts, count';
comment on column failures.n_tasks is 'tasks with such an attempt, count';
comment on column failures.n_open is 'tasks with such an attempt that have no result, count';
comment on column failures.example_subject is 'subject of the earliest such attempt';
comment on column failures.example is 'message of the earliest such attempt';

create view cost as
    select
        stage, accelerator, count(*) as n_attempts, sum(wall_s) / 3600 as wall_hours, sum(cpu_s) / 3600 as cpu_hours,
        sum(gpu_s) / 3600 as gpu_hours, quantile_cont(wall_s, 0.5) as wall_s_p50,
        quantile_cont(wall_s, 0.95) as wall_s_p95, max(peak_rss_gib) as peak_rss_gib
    from attempts
    group by stage, accelerator
    order by gpu_hours desc, wall_hours desc, stage;
comment on view cost is 'time spent by stage and accelerator, failed attempts included';
comment on column cost.n_attempts is 'attempts, count';
comment on column cost.wall_hours is 'elapsed time summed over attempts, hours';
comment on column cost.cpu_hours is 'processor time, hours';
comment on column cost.gpu_hours is 'GPU reservation, GPU-hours';
comment on column cost.wall_s_p50 is 'median elapsed time of an attempt, s';
comment on column cost.wall_s_p95 is '95th percentile of the elapsed time of an attempt, s';

create view progress as
    select
        stage, status, count(*) as n, min(moment) as first_at, max(moment) as last_at
    from (
        select stage, status, finished_at as moment from tasks
        union all
        select stage, 'unfinished', max(started_at) from attempts
        where task_key not in (select task_key from tasks)
        group by stage, task_key
    )
    group by stage, status
    order by min(first_at) over (partition by stage), stage, status;
comment on view progress is 'tasks by stage and status, stages in the order they began';
comment on column progress.status is 'ok, failed (for good) or unfinished (tried without an end)';
comment on column progress.n is 'tasks, count';
comment on column progress.first_at is 'end of the first such task, UTC';
comment on column progress.last_at is 'end of the last such task, UTC';

create macro provenance(k) as table
    with recursive chain as (
        select task_key, 0 as depth, 'result' as role from tasks where task_key = k
        union
        select u.entry.value, c.depth + 1, u.entry.key
        from chain c
        join tasks t using (task_key),
        unnest(map_entries(cast(t.upstream as map(varchar, varchar)))) u(entry)
    )
    select
        c.depth, c.role, c.task_key, t.stage, t.stage_version, t.subject, t.status, t.settings, t.record_sha256,
        t.finished_at
    from chain c left join tasks t using (task_key)
    order by c.depth, c.role, c.task_key;
comment on macro table provenance is 'a task and all tasks its result was made from, nearest first';
