import type { VolumeKind } from '../../interface-block/process-table.ts';
import { localLun, type ArrayState } from '../store/array-state.ts';
import { isPassedOn } from '../far/host-ports.ts';
import type { LogicalUnits } from '../logical-unit.ts';
import type { AccessDescription, InitiatorGrant } from './description.ts';

/** LUN masking: what is not granted to an initiator is not there for it, in whatever way it asks. */

/** iSCSI name of the initiator of a nexus, `NAME,i,0xISID` (RFC 7143 section 4.4.3). */
export function initiatorOf(nexus: string): string {
  const end = nexus.lastIndexOf(',i,0x');
  return end < 0 ? nexus : nexus.slice(0, end);
}

/**
 * Whose the answer to a command is: its initiator's, over whichever of its ports. The hosts behind another array all have that
 * array's name, but each a port of its own, the same for ever.
 */
export function askerOf(nexus: string): string {
  return isPassedOn(nexus) ? nexus : initiatorOf(nexus);
}

export function grantOf(access: AccessDescription, initiator: string): InitiatorGrant | undefined {
  return access.initiators.find((grant) => grant.name === initiator);
}

export interface VisibleUnit {
  readonly lun: number;
  readonly kind: VolumeKind;
  /** It is a command device, or stands in the table of them (Fig. 5) as the way to another array's. */
  readonly commandsArray: boolean;
}

/** The mask of the channel: which units a nexus may know of at this moment. */
export function createLunMask(
  access: (() => AccessDescription | undefined) | undefined,
  units: LogicalUnits,
  store: { state(): ArrayState },
): (nexus: string, lun: number) => boolean {
  return (nexus, lun) => {
    const description = access?.();
    if (!description) return true;
    const kind = units.unit(lun)?.kind;
    if (!kind) return false;
    const state = store.state();
    const commandsArray = kind === 'command-device' || state.commandDevices.some((entry) => entry.lun === lun);
    const asker = { initiator: initiatorOf(nexus), passedOn: isPassedOn(nexus) };
    return mayKnow(description, asker, { lun, kind, commandsArray }, state);
  };
}

interface Asker {
  readonly initiator: string;
  /** It is a host behind the array of this name. */
  readonly passedOn: boolean;
}

/** Whether the initiator may know of the unit. */
function mayKnow(
  access: AccessDescription,
  { initiator, passedOn }: Asker,
  unit: VisibleUnit,
  state: ArrayState,
): boolean {
  const grant = grantOf(access, initiator);
  if (!grant) return false;
  if (unit.commandsArray && grant.role === undefined) return false;
  // A journal tells of writes to volumes of which its reader may know nothing: only the other array of the group reads it.
  const named = unit.kind !== 'journal' && (grant.luns === 'all' || grant.luns.includes(unit.lun));
  // What is paired with an array is for the array itself: whoever maps a LUN of its hosts to it shows them what is named.
  return named || (grant.array !== undefined && !passedOn && isPairedWith(state, grant.array, unit.lun));
}

/** Copy formation and acquisition read a journal and its volumes; nothing else of the group is needed. */
function isPairedWith(state: ArrayState, peerSerial: string, lun: number): boolean {
  return state.groups.some(
    (group) =>
      group.peerSerial === peerSerial &&
      (group.localJournalLun === lun || group.pairs.some((pair) => localLun(group, pair) === lun)),
  );
}

/** Whether the initiator sees anything at all: discovery shows the target only then. */
export function mayDiscover(access: AccessDescription, initiator: string): boolean {
  const grant = grantOf(access, initiator);
  return grant !== undefined && (grant.luns === 'all' || grant.luns.length > 0 || grant.array !== undefined);
}
