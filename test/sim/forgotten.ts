import type { Management } from '../../src/array/management.ts';
import { journalFileOf } from './layout.ts';
import { tablesOf } from './rotten-journals.ts';
import type { ArrayParty, World } from './world.ts';

/** Journals that could not be flushed, and need not show any more what hosts were answered for. */
export function forgetfulJournals(world: World, { disk, name }: ArrayParty): ReadonlySet<string> {
  const failed = tablesOf(disk)?.groups.filter(({ journalLost }) => journalLost) ?? [];
  const hurt = world.groups.filter(({ definition }) => failed.some((group) => group.name === definition.name));
  return new Set(hurt.map((group) => journalFileOf(group, name)));
}

/**
 * The array serves everything but groups whose journals show less than hosts were answered for, and says how much less: somebody
 * accepts it. Nothing may be missing afterwards that a flush had covered.
 */
export async function giveUpForgotten(world: World, party: ArrayParty, management: Management): Promise<void> {
  for (const { model, at } of world.groups) {
    const side = at(party);
    const lun = side.group?.journalLost && side.group.pairs[0]?.primaryLun;
    if (lun === undefined || !management.lookAtGivingUp(lun)?.unreadable) continue;
    model.gaveUp(side, [...side.unflushed]);
    const given = await management.giveUp(lun);
    world.note(`${side.name} gives up ${given?.writes} writes that its journal has forgotten`);
  }
}
