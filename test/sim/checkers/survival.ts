import { BROKEN, describeMissing, findMissing, makes, type Image } from '../history.ts';
import type { Side } from '../side.ts';
import { SimFailure } from '../verdict.ts';

/**
 * I2 at a restart: what was answered is there; after a power cut, what a flush had covered. What may be missing, and is, is taken out of
 * the side's history.
 */
export function forgetLost(side: Side, tick: () => number): void {
  const { image } = side;
  rebaseOutside(side);
  markBroken(side, image, tick);
  const what = `${side.name} after ${side.cut ? 'a power cut' : 'kill -9'}`;
  const missing = findMissing(side.history, image, { invariant: 'I2-durable', what, before: Infinity });
  for (const lost of missing) {
    if (!side.cameBack && (!side.cut || lost.write.flushed) && !isGivenUp(side, lost))
      throw new SimFailure('I2-durable', `${what}: ${describeMissing(lost)}`);
    const known = side.history.sectors[lost.volume]![lost.sector]!;
    known.splice(known.indexOf(lost.write), 1);
  }
}

/**
 * What stood on volumes outside the group when this side came to lead is where its history of them begins, also where no
 * flush had covered it: a power cut may take that back, to whatever stood there before.
 */
function rebaseOutside(side: Side): void {
  if (!side.cut) return;
  for (const { volume, first, count } of side.outside) {
    for (let sector = first; sector < first + count; sector += 1) {
      const stamp = side.image[volume]![sector]!;
      const known = side.history.sectors[volume]![sector]!;
      if (!known.some((write) => makes(write, sector, stamp))) side.history.base[volume]![sector] = stamp;
    }
  }
}

/** A sector that was being written when the power went may hold anything, unless a flush had covered it and nobody has given that up. */
function markBroken(side: Side, image: Image, tick: () => number): void {
  if (!side.cut) return;
  image.forEach((stamps, volume) => {
    stamps.forEach((stamp, sector) => {
      const known = side.history.sectors[volume]![sector]!;
      const since = known.slice(known.findLastIndex((write) => write.id === BROKEN) + 1);
      const isKept = since.every((write) => write.flushed) && !isGivenUp(side, { volume, sector });
      if (stamp !== BROKEN || isKept) return;
      const now = tick();
      known.push({ id: BROKEN, volume, first: sector, count: 1, start: now, end: now, good: false, flushed: true });
    });
  });
}

function isGivenUp({ givenUp }: Side, { volume, sector }: { volume: number; sector: number }): boolean {
  return givenUp.some(
    (place) => place.volume === volume && sector >= place.first && sector < place.first + place.count,
  );
}
