"""The functions that a statement may call: those known to compute or to tell, and to do nothing else.

What is not here is refused, whatever it does: functions that end sessions, wait, lock, read files, run SQL given as a
text, and everything that users and extensions add.
"""

from __future__ import annotations

_BOTH = """
    abs acos any_value array ascii asin atan atan2 avg bit_and bit_length bit_or bit_xor cast ceil ceiling char
    char_length character_length chr coalesce concat concat_ws convert cos cot count cume_dist current_date
    current_role current_time current_timestamp current_user database date degrees dense_rank every exists exp
    extract first_value floor format greatest if ifnull isnull json_array json_object json_objectagg json_arrayagg
    json_valid json_value json_query lag last_value lcase lead least left length ln localtime localtimestamp locate
    log log10 log2 lower lpad ltrim max md5 mid min mod nth_value ntile nullif octet_length overlay percent_rank
    percentile_cont percentile_disc pi position pow power radians rank regexp_instr regexp_like regexp_replace
    regexp_substr repeat replace reverse right round row row_number rpad rtrim session_user sha sign sin space sqrt
    std stddev stddev_pop stddev_samp substr substring sum tan time timestamp trim trunc truncate ucase upper user
    uuid var_pop var_samp variance version
"""
_POSTGRESQL = """
    aclexplode acldefault age array_agg array_append array_cat array_dims array_fill array_length array_lower
    array_ndims array_position array_positions array_prepend array_remove array_replace array_to_json
    array_to_string array_upper bit_count bool_and bool_or btrim cardinality cbrt clock_timestamp col_description
    convert_from convert_to corr cosd covar_pop covar_samp current_catalog current_database current_schema
    current_schemas current_setting date_bin date_part date_trunc daterange decode div encode enum_first enum_last
    enum_range factorial family format_type gcd gen_random_uuid generate_series generate_subscripts get_bit get_byte
    grouping has_any_column_privilege has_column_privilege has_database_privilege has_function_privilege
    has_schema_privilege has_sequence_privilege has_table_privilege has_tablespace_privilege has_type_privilege host
    hostmask inet_client_addr inet_client_port inet_same_family inet_server_addr inet_server_port initcap int4range
    int8range isempty isfinite json_agg json_array_elements json_array_elements_text json_array_length
    json_build_array json_build_object json_each json_each_text json_extract_path json_extract_path_text
    json_object_agg json_object_keys json_strip_nulls json_to_record json_to_recordset json_typeof jsonb_agg
    jsonb_array_elements jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object
    jsonb_each jsonb_each_text jsonb_extract_path jsonb_extract_path_text jsonb_insert jsonb_object jsonb_object_agg
    jsonb_object_keys jsonb_path_exists jsonb_path_match jsonb_path_query jsonb_path_query_array
    jsonb_path_query_first jsonb_pretty jsonb_set jsonb_strip_nulls jsonb_to_record jsonb_to_recordset jsonb_typeof
    justify_days justify_hours justify_interval lcm lower_inc lower_inf make_date make_interval make_time
    make_timestamp make_timestamptz masklen min_scale mode mxid_age netmask network normalize now num_nonnulls
    num_nulls numnode numrange obj_description parse_ident percentile_cont pg_backend_pid pg_blocking_pids
    pg_char_to_encoding pg_client_encoding pg_collation_for pg_column_compression pg_column_size pg_conf_load_time
    pg_current_snapshot pg_current_wal_insert_lsn pg_current_wal_lsn pg_database_size pg_describe_object
    pg_encoding_to_char pg_filenode_relation pg_function_is_visible pg_get_constraintdef pg_get_expr
    pg_get_function_arguments pg_get_function_identity_arguments pg_get_function_result pg_get_functiondef
    pg_get_indexdef pg_get_keywords pg_get_partkeydef pg_get_ruledef pg_get_serial_sequence pg_get_statisticsobjdef
    pg_get_triggerdef pg_get_userbyid pg_get_viewdef pg_has_role pg_identify_object pg_indexes_size
    pg_is_in_recovery pg_is_wal_replay_paused pg_last_wal_receive_lsn pg_last_wal_replay_lsn
    pg_last_xact_replay_timestamp pg_lsn pg_partition_ancestors pg_partition_root pg_partition_tree
    pg_postmaster_start_time pg_relation_filenode pg_relation_size pg_safe_snapshot_blocking_pids
    pg_sequence_last_value pg_size_bytes pg_size_pretty pg_stat_get_dead_tuples pg_stat_get_live_tuples
    pg_stat_get_tuples_deleted pg_stat_get_tuples_inserted pg_stat_get_tuples_updated pg_table_is_visible
    pg_table_size pg_tablespace_location pg_tablespace_size pg_total_relation_size pg_type_is_visible pg_typeof
    pg_wal_lsn_diff pg_walfile_name phraseto_tsquery plainto_tsquery quote_ident quote_literal quote_nullable random
    range_agg range_merge regexp_count regexp_match regexp_matches regexp_split_to_array regexp_split_to_table
    regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy row_to_json scale
    sha224 sha256 sha384 sha512 shobj_description sind split_part starts_with statement_timestamp string_agg
    string_to_array string_to_table strpos tand timeofday to_char to_date to_hex to_json to_jsonb to_number
    to_regclass to_regnamespace to_regproc to_regrole to_regtype to_timestamp to_tsquery to_tsvector
    transaction_timestamp translate trim_array trim_scale ts_headline ts_rank ts_rank_cd tsrange tstzrange
    txid_current_if_assigned txid_current_snapshot unnest upper_inc upper_inf websearch_to_tsquery width_bucket
"""
_MYSQL = """
    adddate addtime bin bin_to_uuid bit_count char_length collation compress connection_id conv convert_tz crc32
    curdate curtime date_add date_format date_sub datediff day dayname dayofmonth dayofweek dayofyear elt export_set
    field find_in_set format_bytes format_pico_time found_rows from_base64 from_days from_unixtime group_concat
    grouping hex hour inet6_aton inet6_ntoa inet_aton inet_ntoa insert instr interval is_ipv4 is_ipv6 is_uuid
    json_append json_array_append json_array_insert json_arrayagg json_compact json_contains json_contains_path
    json_depth json_detailed json_exists json_extract json_insert json_keys json_length json_loose json_merge_patch
    json_merge_preserve json_normalize json_objectagg json_overlaps json_pretty json_quote json_remove json_replace
    json_schema_valid json_search json_set json_storage_size json_table json_type json_unquote last_day make_set
    makedate maketime match member microsecond minute month monthname now nvl nvl2 oct ord period_add period_diff
    quarter quote rand schema sec_to_time second sha1 sha2 soundex str_to_date strcmp subdate substring_index
    subtime sysdate system_user time_format time_to_sec timediff timestampadd timestampdiff to_base64 to_days
    to_seconds uncompress unhex unix_timestamp utc_date utc_time utc_timestamp uuid_short uuid_to_bin values week
    weekday weekofyear weight_string year yearweek
"""
FUNCTIONS = {
    "postgres": frozenset((_BOTH + _POSTGRESQL).split()),
    "mysql": frozenset((_BOTH + _MYSQL).split()),
}
"""By dialect: names in lower case."""
_SYNTAX = """
    against all and any array as between binary by case cross cube current distinct else end escape except exists
    extract fetch filter following for from full group grouping having ilike in index inner intersect interval is
    join lateral left like limit match materialized natural not null offset on or order outer over partition
    preceding range recursive right rollup row rows select sets similar some symmetric then to union unbounded using
    values when where window with within zone regexp rlike div mod xor bigint bit bytea char character varying
    datetime decimal double enum float int integer json jsonb nchar numeric nvarchar precision real signed smallint
    text time timestamp timestamptz timetz tinyint unsigned varbinary varbit varchar vector
"""
SYNTAX = frozenset(_SYNTAX.split())
"""Words that may stand before a bracket without calling anything."""
