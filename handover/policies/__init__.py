"""Policies decide which server to use. They are plain code: views of the servers in, a choice out."""

from handover.config import A3PolicyConfig, LatencyPolicyConfig, LiquidEdgePolicyConfig, PolicyConfig
from handover.policies.a3 import A3Policy
from handover.policies.base import Choice, Policy
from handover.policies.latency import LatencyPolicy
from handover.policies.liquidedge import LiquidEdgePolicy
from handover.policies.static import StaticPolicy

__all__ = ["Choice", "Policy", "create"]


def create(config: PolicyConfig) -> Policy:
    if isinstance(config, LatencyPolicyConfig):
        return LatencyPolicy(config)
    if isinstance(config, A3PolicyConfig):
        return A3Policy(config)
    if isinstance(config, LiquidEdgePolicyConfig):
        return LiquidEdgePolicy(config)
    return StaticPolicy(config)
