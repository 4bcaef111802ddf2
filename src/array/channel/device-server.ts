import type { Clock } from '../../base/clock.ts';
import { SCSI_STATUS, ScsiFault } from '../../scsi/fault.ts';
import { decodeLunField } from '../../scsi/lun-field.ts';
import { lookUpCommand } from '../../scsi/opcode-table.ts';
import { encodeFixedSense } from '../../scsi/sense.ts';
import type { DeviceServer, ScsiReply, ScsiTask } from '../../scsi/task.ts';
import type { LogicalUnit, LogicalUnits } from '../logical-unit.ts';
import { checkedFields, checkReady, checkSanitize, checkWriteProtection, findCommand } from './checks.ts';
import { createChannel } from './channel.ts';
import { throwIfAborted, type Channel, type CommandContext, type CommandResult } from './command-context.ts';
import { internalFailure } from './faults.ts';
import { HANDLERS } from './handlers.ts';
import { answerWithoutUnit } from './identity-commands.ts';
import { passOn } from './passed-commands.ts';
import type { RangeLock } from './range-lock.ts';
import { checkReservation } from './reservation-check.ts';
import { endsInBlock } from './transfer-commands.ts';

/** The channel of the array (Fig. 2): a SCSI device server over the array's logical units. */

export interface DeviceServerParts {
  readonly units: LogicalUnits;
  readonly clock: Clock;
  /** INQUIRY vendor, at most 8 characters of printable ASCII. */
  readonly vendor: string;
  /** INQUIRY revision, at most 4 characters of printable ASCII. */
  readonly revision: string;
  /** iSCSI target name, for VPD page 83h. */
  readonly targetName?: string;
  /** LUN masking: which units a nexus may know of. All, where absent. */
  readonly lunVisible?: (nexus: string, lun: number) => boolean;
  /** Told of an error that is no `ScsiFault`: a mistake or a failed storage, answered as INTERNAL TARGET FAILURE. */
  readonly onInternalError?: (error: unknown, command: string, lun: number) => void;
}

export interface ChannelDeviceServer extends DeviceServer {
  /** Units were mapped or unmapped: REPORTED LUNS DATA HAS CHANGED for every nexus. */
  lunListChanged(): void;
  /** CAPACITY DATA HAS CHANGED for every nexus. */
  capacityChanged(lun: number): void;
  /** The unit became read-only or writable (the WP bit of MODE SENSE): MODE PARAMETERS CHANGED for every nexus. */
  accessChanged(lun: number): void;
}

export function createDeviceServer(parts: DeviceServerParts): ChannelDeviceServer {
  const { channel, running, ...state } = createChannel(parts);
  const { attentions } = channel;

  async function run(task: ScsiTask): Promise<ScsiReply> {
    const lun = decodeLunField(task.lun);
    const unit = lun.ok && channel.visible(task.nexus, lun.value) ? channel.units.unit(lun.value) : undefined;
    if (!lun.ok || !unit) {
      const found = lookUpCommand(task.cdb);
      const name = typeof found === 'string' ? undefined : found.name;
      return goodReply(answerWithoutUnit(channel, task, name, lun.ok && lun.value === 0));
    }
    const end = running.begin(unit.lun, task);
    try {
      const passed = unit.far && (await passOn(channel, task, unit, unit.far));
      if (passed) return passed;
      // Nothing more is begun for a nexus that was lost meanwhile: nobody would forget it again.
      throwIfAborted(channel, task);
      const context = await admit(channel, task, unit.far?.as(task.nexus) ?? unit);
      throwIfAborted(channel, task);
      return goodReply(await withLock(context, channel.lockOf(unit.lun)));
    } finally {
      end();
    }
  }

  return {
    async execute(task) {
      try {
        return await run(task);
      } catch (error) {
        return replyOf(error instanceof ScsiFault ? error : unexpected(parts, error, task));
      }
    },
    nexusOpened(nexus) {
      attentions.open(nexus);
    },
    nexusLost(nexus) {
      state.nexusLost(nexus);
    },
    mayReset(scope, lunField, nexus) {
      if (scope === 'target') return channel.units.all().every(({ lun }) => channel.visible(nexus, lun));
      const lun = decodeLunField(lunField);
      return lun.ok && channel.visible(nexus, lun.value) && channel.units.unit(lun.value) !== undefined;
    },
    reset(scope, lunField, nexus) {
      const lun = decodeLunField(lunField);
      if (scope === 'target') state.targetReset();
      else if (lun.ok) state.unitReset(lun.value);
      const units = channel.units.all().filter((unit) => scope === 'target' || (lun.ok && unit.lun === lun.value));
      return resetFar(units, nexus);
    },
    lunListChanged() {
      state.unitsChanged();
    },
    capacityChanged(lun) {
      attentions.establish('capacityChanged', { lun });
    },
    accessChanged(lun) {
      attentions.establish('modeParametersChanged', { lun });
    },
  };
}

/**
 * The order of checks that initiators count on: unit attention, operation code, reservation, sanitize, readiness, write
 * protection, and only then what the CDB says in its fields.
 */
async function admit(channel: Channel, task: ScsiTask, unit: LogicalUnit): Promise<CommandContext> {
  const found = lookUpCommand(task.cdb);
  if (typeof found === 'string' || !found.ignoresAttention) {
    const attention = channel.attentions.take(task.nexus, unit.lun);
    if (attention) throw new ScsiFault(SCSI_STATUS.checkCondition, 'unit attention', attention);
  }
  const command = findCommand(task, unit);
  checkReservation(channel, task, unit.lun, command);
  checkSanitize(unit, command);
  await checkReady(channel, unit, command);
  checkWriteProtection(channel, unit, command);
  return { channel, task, lun: unit.lun, unit, command, fields: checkedFields(task, unit, command) };
}

/** Commands that move blocks share their range; one that writes what it has read before has it alone. */
async function withLock(context: CommandContext, lock: RangeLock): Promise<CommandResult> {
  const { command, fields, task } = context;
  const handler = HANDLERS[command.name];
  if (!command.checksLba || command.effect === 'neutral' || fields.blockCount === 0) return handler(context);
  const release = await lock.acquire(fields.lba, fields.blockCount, command.atomic === true || endsInBlock(context));
  try {
    throwIfAborted(context.channel, task);
    return await handler(context);
  } finally {
    release();
  }
}

/** The units behind virtual volumes too. Rejects where one was not reset. */
function resetFar(units: readonly LogicalUnit[], nexus: string): Promise<void> | undefined {
  const resets = units.flatMap(({ far }) => (far ? [far.reset(nexus)] : []));
  return resets.length === 0 ? undefined : Promise.all(resets).then(() => undefined);
}

function goodReply({ wantedDataOut = 0, ...data }: CommandResult): ScsiReply {
  return { status: SCSI_STATUS.good, wantedDataOut, ...data };
}

function replyOf(fault: ScsiFault): ScsiReply {
  return { status: fault.status, ...(fault.sense ? { sense: encodeFixedSense(fault.sense) } : {}) };
}

function unexpected(parts: DeviceServerParts, error: unknown, task: ScsiTask): ScsiFault {
  const found = lookUpCommand(task.cdb);
  const lun = decodeLunField(task.lun);
  parts.onInternalError?.(error, typeof found === 'string' ? found : found.title, lun.ok ? lun.value : -1);
  return internalFailure(error);
}
