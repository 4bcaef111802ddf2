import type { Content, Operation } from './file-content.ts';
import type { Draws } from './randomness.ts';

const SECTOR = 512;

export const FATES = ['lost', 'torn', 'garbage'] as const;
/** `late`: the second half of what a file had taken is durable, the first is lost. */
export type Fate = (typeof FATES)[number] | 'late';

/** The fate of one operation that was not flushed; `all`: it is durable all the same, where no other fate is told. */
export function settle(
  durable: Content,
  operation: Operation,
  { fate: told, garbage, all }: { readonly fate?: Fate; readonly garbage: boolean; readonly all: boolean },
  draws: Draws,
): void {
  if (told && told !== 'late') return suffer(durable, operation, told, draws);
  if (all || draws.chance(0.4)) return durable.apply(operation);
  if (operation.kind === 'truncate' || draws.chance(0.5)) return;
  const { offset, data } = operation;
  for (let at = 0; at < data.length;) {
    const length = Math.min(data.length - at, SECTOR - ((offset + at) % SECTOR));
    const fate = draws.random.below(garbage ? 5 : 4);
    if (fate < 2) durable.apply({ kind: 'write', offset: offset + at, data: data.subarray(at, at + length) });
    if (fate === 4) durable.apply({ kind: 'write', offset: offset + at, data: draws.random.bytes(length) });
    at += length;
  }
}

/** Torn: every other sector is new. Garbage: bytes of no one in all of them. */
function suffer(durable: Content, operation: Operation, fate: (typeof FATES)[number], draws: Draws): void {
  if (fate === 'lost' || operation.kind === 'truncate') return;
  const { offset, data } = operation;
  for (let at = 0, sector = 0; at < data.length; sector += 1) {
    const length = Math.min(data.length - at, SECTOR - ((offset + at) % SECTOR));
    const bytes = fate === 'garbage' ? draws.random.bytes(length) : data.subarray(at, at + length);
    if (fate === 'garbage' || sector % 2 === 0) durable.apply({ kind: 'write', offset: offset + at, data: bytes });
    at += length;
  }
}
