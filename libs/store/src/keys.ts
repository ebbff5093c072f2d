/** Every key of the read model. The braces keep what one script touches in one slot of a Redis cluster. */
export const keys = {
  lane: (laneId: string) => `bridge:lane:{${laneId}}`,
  index: 'bridge:lanes',
  checkpoint: 'bridge:checkpoint',
} as const
