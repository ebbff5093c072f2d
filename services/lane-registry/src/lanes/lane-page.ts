import { memberOf, type Page, type PageQuery, parseCursor } from '@codex-bridge/store'
import { type LaneAggregates, laneJson } from './lane-view.ts'

/** A page made from memory, in the order and with the cursors of the one Redis gives. @throws BridgeError `invalid_cursor` */
export const pageOf = <L extends LaneAggregates>(all: L[], { limit, cursor, accepts }: PageQuery): Page & { lanes: L[] } => {
  const from = cursor === undefined ? undefined : parseCursor(cursor)
  const sorted = all
    .map((aggregates) => ({ aggregates, member: memberOf(aggregates.lane) }))
    .filter(({ member, aggregates }) => (from === undefined || member < from) && (!accepts || accepts(laneJson(aggregates))))
    .sort((left, right) => (left.member > right.member ? -1 : 1))
  const page = sorted.slice(0, limit)
  return {
    lanes: page.map(({ aggregates }) => aggregates),
    texts: page.map(({ aggregates }) => laneJson(aggregates)),
    nextCursor: sorted.length > limit ? (page.at(-1)?.member ?? null) : null,
  }
}
