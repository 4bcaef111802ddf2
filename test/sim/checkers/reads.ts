import type { Sight } from '../effects.ts';
import { makes, SECTOR, stampsOf } from '../history.ts';
import { roleOf, type Side } from '../side.ts';
import { SimFailure } from '../verdict.ts';

/** What was known when the command arrived. */
export interface Arrival {
  readonly start: number;
  readonly roleChanges: number;
}

/** I2: a leading side's answer to a READ or a comparison: the newest write answered before it, or one under way. */
export function checkSight(side: Side, volume: number, { first, data }: Sight, at: Arrival): void {
  if (roleOf(side.group) === 'auxiliary' || side.roleChanges !== at.roleChanges || side.stateChanged) return;
  stampsOf(data, data.length / SECTOR).forEach((stamp, index) => {
    checkSector(side, volume, first + index, stamp, at.start);
  });
}

function checkSector(side: Side, volume: number, sector: number, stamp: number, start: number): void {
  const known = side.history.sectors[volume]![sector]!;
  const shown = known.filter((write) => makes(write, sector, stamp));
  const isBase = side.history.base[volume]![sector] === stamp;
  const where = `a READ of sector ${sector} of volume ${volume} at ${side.name}`;
  if (shown.length === 0 && !isBase) throw new SimFailure('I2-durable', `${where} shows ${stamp}, never written there`);
  const from = Math.max(-1, ...shown.map((write) => write.end));
  const hidden = known.find((write) => write.good && write.start > from && write.end < start);
  if (hidden) throw new SimFailure('I2-durable', `${where} shows write ${stamp}, not write ${hidden.id} after it`);
}
