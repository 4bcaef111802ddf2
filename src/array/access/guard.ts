import { decodeMessage } from '../../interface-block/message.ts';
import { PROCESSES, processByNumber, type RequestOf } from '../../interface-block/process-table.ts';
import { verifySignature, signatureNameOf } from '../../interface-block/signature.ts';
import { refusal } from '../command-device/request-table.ts';
import type { CommandOutcome } from '../command-device/types.ts';
import type { AccessDescription, CommandDeviceModes, CommandRole, InitiatorGrant } from './description.ts';
import { grantOf, initiatorOf } from './visibility.ts';

/** Who wrote an interface block, and where. */
export interface CommandOrigin {
  /** LUN of the command device. */
  readonly lun: number;
  /** Absent where the array itself wrote it, as its copy manager might. */
  readonly nexus: string | undefined;
}

export interface SubmittedCommand {
  readonly origin: CommandOrigin;
  /** The 4096 bytes that were written. */
  readonly block: Uint8Array;
  readonly process: number;
  readonly input: Uint8Array;
}

/** In whose name a command is asked for, and what that one may do. */
interface Authority {
  readonly who: string;
  /** LUNs that it may have copied. */
  readonly luns: InitiatorGrant['luns'];
  readonly role: Exclude<CommandRole, 'signed'>;
  readonly groups: readonly string[] | undefined;
}

/** The group that a command is about; undefined where it is about none, or cannot be read and so is never executed. */
export function groupOf(process: number, input: Uint8Array): string | undefined {
  const definition = processByNumber(process);
  const message = definition && decodeMessage(definition.request, input);
  const group = message?.ok ? (message.value.header as Readonly<Record<string, unknown>>)['group'] : undefined;
  return typeof group === 'string' ? group : undefined;
}

/** Why a command may not be executed; undefined where it may. Nothing of it has been executed. */
export function denialOf(
  access: AccessDescription,
  keyOf: (name: string) => Uint8Array | undefined,
  command: SubmittedCommand,
): CommandOutcome | undefined {
  const modes = access.commandDevices.find(({ lun }) => lun === command.origin.lun);
  const authority = authorityOf(access, keyOf, command, modes);
  if ('status' in authority) return authority;
  return roleDenial(authority, command) ?? groupDenial(authority, modes, command) ?? maskDenial(authority, command);
}

/** Whether the HMAC of a block is that of the key that it names. */
export function isSigned(block: Uint8Array, keyName: string, keyOf: (name: string) => Uint8Array | undefined): boolean {
  const key = keyOf(keyName);
  return key !== undefined && verifySignature(block, key);
}

/** The groups that a command that is not refused may be told of; undefined: all. */
export function reachedGroups(
  access: AccessDescription,
  keyOf: (name: string) => Uint8Array | undefined,
  command: SubmittedCommand,
): readonly string[] | undefined {
  const modes = access.commandDevices.find(({ lun }) => lun === command.origin.lun);
  const authority = authorityOf(access, keyOf, command, modes);
  if ('status' in authority) return [];
  const own = authority.role === 'administrator' ? undefined : authority.groups;
  if (!own || !modes?.groups) return own ?? modes?.groups;
  return own.filter((group) => modes.groups!.includes(group));
}

/** As what the asker is taken; undefined where nobody is known who asks. */
export function roleOf(
  access: AccessDescription,
  keyOf: (name: string) => Uint8Array | undefined,
  command: SubmittedCommand,
): CommandRole | undefined {
  const authority = authorityOf(access, keyOf, command, undefined);
  return 'role' in authority ? authority.role : undefined;
}

/** A signed block comes in the name of its key, by whatever way; an unsigned one in that of the initiator. */
function authorityOf(
  access: AccessDescription,
  keyOf: (name: string) => Uint8Array | undefined,
  { origin, block }: SubmittedCommand,
  modes: CommandDeviceModes | undefined,
): Authority | CommandOutcome {
  const keyName = signatureNameOf(block);
  if (keyName !== undefined) {
    const grant = access.keys.find(({ name }) => name === keyName);
    if (!grant || !isSigned(block, keyName, keyOf))
      return refusal('not-authenticated', `the block is not signed with a key ${keyName} that is known here`);
    return { who: `key ${keyName}`, luns: grant.luns ?? 'all', role: grant.role, groups: grant.groups };
  }
  const initiator = origin.nexus === undefined ? '' : initiatorOf(origin.nexus);
  const grant = grantOf(access, initiator);
  if (modes?.signedOnly || grant?.role === 'signed') {
    return refusal('not-authenticated', 'only blocks that are signed with a key are executed here');
  }
  if (!grant?.role) return refusal('permission-denied', `initiator ${initiator} may not command this array`);
  return { who: `initiator ${initiator}`, luns: grant.luns, role: grant.role, groups: grant.groups };
}

function roleDenial({ who, role }: Authority, command: SubmittedCommand): CommandOutcome | undefined {
  const process = processByNumber(command.process);
  if (role !== 'monitor' || !process || !process.changes) return undefined;
  return refusal('permission-denied', `${who} is a monitor: it may not ask for ${process.name}`);
}

/** What the asker may command and what may be commanded here: both must allow it. */
function groupDenial(
  { who, role, groups }: Authority,
  modes: CommandDeviceModes | undefined,
  command: SubmittedCommand,
): CommandOutcome | undefined {
  const own = role === 'administrator' ? undefined : groups;
  if (!own && !modes?.groups) return undefined;
  const group = groupOf(command.process, command.input);
  if (group === undefined) return undefined;
  const missing = own && !own.includes(group) ? who : undefined;
  const here = modes?.groups && !modes.groups.includes(group) ? 'this command device' : undefined;
  if (missing === undefined && here === undefined) return undefined;
  const asked = group === '' ? 'all groups: name one' : `group ${group}`;
  return refusal('permission-denied', `${missing ?? here} does not reach ${asked}`);
}

/** A pair copies a whole volume away, or over it: whoever does not reach the volume itself shall not have that done. */
function maskDenial({ who, role, luns }: Authority, { process, input }: SubmittedCommand): CommandOutcome | undefined {
  if (process !== PROCESSES['pair.create'].number || role === 'administrator' || luns === 'all') return undefined;
  const message = decodeMessage(PROCESSES['pair.create'].request, input);
  if (!message.ok) return undefined;
  const { role: side, primaryLun, auxiliaryLun } = message.value.header as RequestOf<'pair.create'>['header'];
  const lun = side === 'primary' ? primaryLun : auxiliaryLun;
  return luns.includes(lun) ? undefined : refusal('permission-denied', `${who} does not reach LUN ${lun}`);
}
