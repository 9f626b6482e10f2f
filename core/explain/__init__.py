"""What one pass showed, as maps and scores."""

from core.explain.am_flow import am_flow, displayed, flow_of
from core.explain.carried import carried
from core.explain.domain import OUTSIDE, Domain, domain, domain_words
from core.explain.explanation import Explanation, explanation
from core.explain.gradcam import GradCam, gradcam, target_index
from core.explain.maps import (
    SpatialQuery,
    along_layers,
    between_frames,
    hover,
    minus_flow,
    minus_flows,
    received,
    spatial,
    temporal,
)
from core.explain.rollout import rollout, rollouts
from core.explain.stream import Glance, Memory, begin, see
from core.explain.taps import (
    View,
    beside,
    has_class_token,
    in_every_layer,
    of_layer,
    over_space,
    over_space_at,
    over_time,
    time_beside,
    time_is_signed,
    view_is_signed,
    views,
)

__all__ = [
    "OUTSIDE",
    "Domain",
    "Explanation",
    "Glance",
    "GradCam",
    "Memory",
    "SpatialQuery",
    "View",
    "along_layers",
    "am_flow",
    "begin",
    "beside",
    "between_frames",
    "carried",
    "displayed",
    "domain",
    "domain_words",
    "explanation",
    "flow_of",
    "gradcam",
    "has_class_token",
    "hover",
    "in_every_layer",
    "minus_flow",
    "minus_flows",
    "of_layer",
    "over_space",
    "over_space_at",
    "over_time",
    "received",
    "rollout",
    "rollouts",
    "see",
    "spatial",
    "target_index",
    "temporal",
    "time_beside",
    "time_is_signed",
    "view_is_signed",
    "views",
]
