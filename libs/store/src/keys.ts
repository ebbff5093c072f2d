/** Every key of the read model. It lives in one Redis, not in a cluster: a page of lanes is read by one script. */
export const keys = {
  lane: (laneId: string) => `bridge:lane:${laneId}`,
  index: 'bridge:lanes',
  checkpoint: 'bridge:checkpoint',
} as const
