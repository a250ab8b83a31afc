"""Every function that a query may call. What stands in none of these tables is refused with its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clary.sql.functions import (
    aggregates,
    collections,
    conditional,
    dates,
    documents,
    formats,
    mathematics,
    regexps,
    strings,
)
from clary.sql.signatures import Signature

_TOPICS: list[Any] = [mathematics, strings, formats, regexps, dates, collections, documents, conditional]

SCALARS: dict[str, list[Signature]] = {name: lines for topic in _TOPICS for name, lines in topic.SCALARS.items()}
SPECIAL: dict[str, Callable[..., Any]] = {name: one for topic in _TOPICS for name, one in topic.SPECIAL.items()}
AGGREGATES = aggregates.AGGREGATES
WINDOWS = aggregates.WINDOWS
MACROS: dict[str, str] = {name: text for topic in [*_TOPICS, aggregates] for name, text in topic.MACROS.items()}
PYTHON: dict[str, tuple[Callable[..., Any], list[str], str]] = {
    name: one for topic in _TOPICS for name, one in topic.PYTHON.items()
}

# Another call may give another value.
VOLATILE = frozenset(("random", "rand", "uuid", "shuffle"))

# Trino's functions that Clary hasn't. Source: Trino's documentation, "List of functions and operators".
UNSUPPORTED = frozenset(
    """approx_most_frequent approx_set array_first array_histogram array_last bar beta_cdf bing_tile bing_tile_at
    bing_tile_coordinates bing_tile_polygon bing_tile_quadkey bing_tile_zoom_level bing_tiles_around
    bitwise_xor_agg char2hexint checksum classify color combinations convex_hull_agg cosine_distance cosine_similarity
    empty_approx_set ends_with entropy features find_first format_number from_encoded_polyline
    from_geojson_geometry from_ieee754_32 from_ieee754_64 from_iso8601_timestamp_nanos from_unixtime_nanos
    geometry_from_hadoop_shape geometry_invalid_reason geometry_nearest_points geometry_to_bing_tiles geometry_union
    geometry_union_agg great_circle_distance hash_counts index intersection_cardinality inverse_beta_cdf
    inverse_normal_cdf jaccard_index json_array json_exists json_object json_query json_value learn_classifier
    learn_libsvm_classifier learn_libsvm_regressor learn_regressor line_interpolate_point line_interpolate_points
    line_locate_point make_set_digest merge merge_set_digest murmur3 normal_cdf numeric_histogram objectid
    objectid_timestamp parse_data_size qdigest_agg reduce_agg regress render rgb shuffle simplify_geometry
    spatial_partitioning spatial_partitions spooky_hash_v2_32 spooky_hash_v2_64 tdigest_agg timestamp_objectid
    title_case to_char to_date to_encoded_polyline to_geojson_geometry to_geometry to_ieee754_32 to_ieee754_64
    to_spherical_geography to_timestamp value_at_quantile values_at_quantiles version wilson_interval_lower
    wilson_interval_upper word_stem xxhash64 cardinality_estimate st_area st_asbinary st_asewkb st_asewkt st_astext
    st_boundary st_buffer st_centroid st_collect st_contains st_convexhull st_coorddim st_crosses st_difference
    st_dimension st_disjoint st_distance st_endpoint st_envelope st_envelopeaspts st_equals st_exteriorring
    st_geometries st_geometryfromtext st_geometryn st_geometrytype st_geomfrombinary st_geomfromkml st_interiorringn
    st_interiorrings st_intersection st_intersects st_isclosed st_isempty st_isring st_issimple st_isvalid st_length
    st_linefromtext st_linestring st_makeline st_multipoint st_numgeometries st_numinteriorring st_numpoints
    st_overlaps st_point st_pointn st_points st_polygon st_relate st_startpoint st_symdifference st_touches st_union
    st_within st_x st_xmax st_xmin st_y st_ymax st_ymin""".split()
)


def allowed() -> list[str]:
    """The names of all functions that a query may call."""
    return sorted({*SCALARS, *SPECIAL, *AGGREGATES, *WINDOWS})
