"""A tiny correct set of files that the bad-input tests break one cell at a time."""

from __future__ import annotations

from capacity.imports.services import ImportOutcome, SourceFile, import_files, source_file

GOOD: dict[str, str] = {
    "suppliers.csv": "key,name,lead_time_p50_weeks,lead_time_p90_weeks\nacme,Acme,20,30\n",
    "sites.csv": "key,name,region,power_kw\nsite-1,Site 1,us-east,900.5\n",
    "accelerator_types.csv": "key,name,manufacturer,h100e_factor,h100e_as_of_date\nh100,H100,NVIDIA,1,2026-01-01\n",
    "pools.csv": (
        "key,name,accelerator_type,site,source_type,node_size,availability_share\n"
        "pool-1,Pool 1,h100,site-1,owned,8,0.935\n"
    ),
    "network_domains.csv": "pool,key\npool-1,dom-a\n",
    "cost_rates.csv": "key,kind,starts_date,ends_date,capex_usd\nowned-1,owned,2026-01-01,2027-01-01,48180.00\n",
    "lots.csv": (
        "key,pool,domain,supplier,state,accelerators,control_grade,accepted_date,p50_date,ends_date,cost_rate_key\n"
        "lot-1,pool-1,dom-a,acme,accepted,64,1,2026-02-02,,,owned-1\n"
        "lot-2,pool-1,dom-a,acme,confirmed,32,1,,2027-01-06,,owned-1\n"
    ),
    "model_versions.csv": "key,name,model_tier\nbig,Big,frontier\n",
    "throughput_profiles.csv": (
        "model_version,accelerator_type,latency_class,precision,replica_accelerators,prefill_tokens_per_second,"
        "decode_tokens_per_second,cached_cost_share,basis,measured_date\n"
        "big,h100,interactive,fp8,8,40000,4000,0.1,measured,2026-03-01\n"
    ),
    "workloads.csv": (
        "key,name,purpose,model_version,latency_class,regions,cache_hit_share,peak_factor\n"
        "chat,Chat,serving,big,interactive,us-east,0.5,2.5\n"
    ),
    "teams.csv": "key,name,weight\nteam-1,Team 1,2\n",
    "experiments.csv": (
        "key,name,team,experiment_priority,purpose,is_model_development,accelerators,weeks,earliest_start_date,"
        "latest_start_date,accelerator_types\n"
        "e-1,Run 1,team-1,P1,pretrain,yes,64,4,2026-11-23,2026-12-07,h100\n"
    ),
    "customers.csv": "key,name,alias\nnorth,Northwind,C-1\n",
    "contracts.csv": (
        "key,version,name,customer,state,starts_date,ends_date,shape,workload,rate_limit_input_tokens_per_minute\n"
        "c-1,1,Chat,north,active,2026-01-01,2027-01-01,pay_as_you_go,chat,600000\n"
    ),
    "price_lines.csv": "contract,version,kind,price,starts_date,ends_date\nc-1,1,output,15.00,2026-01-01,\n",
    "commit_steps.csv": "contract,version,kind,quantity,starts_date\nc-1,1,spend_usd_year,1200000,2026-01-01\n",
}


def files_of(tables: dict[str, str | bytes] | dict[str, str]) -> list[SourceFile]:
    return [
        source_file(name=name, content=content.encode() if isinstance(content, str) else content)
        for name, content in tables.items()
    ]


def import_texts(tables: dict[str, str | bytes] | dict[str, str], *, dry_run: bool = False) -> ImportOutcome:
    return import_files(files=files_of(tables), source="test", dry_run=dry_run)


def broken(file: str, old: str, new: str) -> dict[str, str]:
    """The good files with one text replaced, once."""
    assert GOOD[file].count(old) >= 1, (file, old)
    return {**GOOD, file: GOOD[file].replace(old, new, 1)}
