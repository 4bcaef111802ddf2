import type { Finding } from '../../src/array/check/finding.ts';
import { differenceFileName } from '../../src/array/group/difference-maps.ts';
import { COPIES, SECTOR } from '../../src/array/store/guarded-sectors.ts';
import type { SimDisk } from './disk.ts';
import { SimFailure } from './verdict.ts';
import type { ArrayParty, World } from './world.ts';

export const STATE = 'state';

/** Tables that are rewritten in place (`guarded-file.ts`) and that rot here. */
export const isInPlace = (name: string): boolean => name.endsWith('.map') || name.startsWith('differences-');
const isTable = (name: string): boolean => name === STATE || isInPlace(name);

/** What an array reads when it starts; maps of pairs that are dissolved it does not. */
function neededTables(world: World, array: ArrayParty): readonly string[] {
  const wanted = world.groups.flatMap(({ definition, at }) =>
    (at(array).group?.pairs ?? []).map((pair) => differenceFileName(definition.name, pair.slot)),
  );
  return array.disk.files().filter((name) => name === STATE || name.endsWith('.map') || wanted.includes(name));
}

/** The state log is whole or refused; so is a table in place of which a piece has lost every sector, where a volume or a pair needs it. */
function mustRefuse(world: World, array: ArrayParty): readonly string[] {
  const { disk } = array;
  const isLost = (name: string): boolean => (name === STATE ? disk.wounds(name).length > 0 : hasLostPiece(disk, name));
  return neededTables(world, array).filter(isLost);
}

function hasLostPiece(disk: SimDisk, name: string): boolean {
  const pieces = disk.wounds(name).map(({ at }) => Math.floor(at / (COPIES * SECTOR)));
  return pieces.some((piece) => pieces.filter((other) => other === piece).length === COPIES);
}

/** `array check` says of each file of tables that has rotted that it has. */
export function needNamed(array: ArrayParty, findings: readonly Finding[]): void {
  const rotten = array.disk.files().filter((name) => isTable(name) && array.disk.wounds(name).length > 0);
  // Without them nobody knows what there should be.
  for (const name of rotten.includes(STATE) ? [STATE] : rotten) {
    if (findings.some(({ file }) => file === name)) continue;
    throw new SimFailure('rot-named', `${name} of ${array.name} has rotted, and array check does not see it`);
  }
}

/** The array serves: nothing that it had to refuse was in its storage. */
export function needRefused(world: World, array: ArrayParty): void {
  const [name] = mustRefuse(world, array);
  if (name) throw new SimFailure('rot-named', `${array.name} serves, though its ${name} has rotted`);
}

/** Nor does it leave what has rotted in a table in place for the next sector to rot. */
export function needMadeGood(world: World, array: ArrayParty): void {
  if (array.disk.hurt) return;
  const name = neededTables(world, array).find((table) => isInPlace(table) && array.disk.wounds(table).length > 0);
  if (name) throw new SimFailure('rot-named', `${array.name} serves, and has not made good what has rotted in ${name}`);
}

/** Whether an array that does not start says which rotten file is in its way, of several perhaps; that one is then made good. */
export function curesAtRest(world: World, array: ArrayParty, error: unknown): boolean {
  const text = String(error);
  const isNamed = (name: string): boolean =>
    name === STATE ? /state log|read state$/.test(text) : text.includes(name);
  const named = mustRefuse(world, array).find(isNamed);
  if (named) array.disk.cure(named);
  return named !== undefined;
}
