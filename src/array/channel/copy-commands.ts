import { readU32 } from '../../base/bytes.ts';
import { checkCondition } from '../../scsi/fault.ts';
import {
  decodeCopyList,
  encodeCopyOperatingParameters,
  encodeCopyStatus,
  LIST_ID_USAGE,
  type CopyListFault,
  type CopyRequest,
} from '../../scsi/extended-copy.ts';
import { SENSE_KEY } from '../../scsi/sense.ts';
import { allocated, receivedData, type CommandContext, type CommandResult } from './command-context.ts';
import { copySegments } from './copy-manager.ts';
import { invalidFieldInCdb, invalidParameter, parameterListLengthError } from './faults.ts';

/** EXTENDED COPY(LID1) and RECEIVE COPY RESULTS: the command ends when its copy has. */

const LIST_LENGTH_AT = 10;

export async function extendedCopy(context: CommandContext): Promise<CommandResult> {
  const length = readU32(context.task.cdb, LIST_LENGTH_AT);
  if (length === 0) return {};
  const list = receivedData(context.task, length);
  if (list.length < length) throw parameterListLengthError(`${list.length} bytes came`);
  const request = decodeCopyList(list);
  if (!request.ok) throw listFault(request.fault);
  await copyUnderListId(context, request.value);
  return { wantedDataOut: length };
}

/** The status is remembered, however the copy ends, unless the initiator wants no list identifier. */
async function copyUnderListId(context: CommandContext, request: CopyRequest): Promise<void> {
  const { copies } = context.channel;
  const { nexus } = context.task;
  const { listId, listIdUsage } = request;
  if (listIdUsage === LIST_ID_USAGE.reserved) throw invalidParameter('LIST ID USAGE 1 is reserved');
  if (listIdUsage === LIST_ID_USAGE.none) {
    if (listId !== 0) throw invalidParameter('LIST IDENTIFIER is not 0 although LIST ID USAGE says there is none');
    await copySegments(context, request, () => undefined);
    return;
  }
  if (!copies.begin(nexus, listId)) throw operationInProgress(listId);
  let progress = { segmentsProcessed: 0, bytesCopied: 0 };
  try {
    await copySegments(context, request, (next) => {
      progress = next;
      copies.update(nexus, listId, { state: 'in-progress', ...next });
    });
    copies.update(nexus, listId, { state: 'completed', ...progress });
  } catch (error) {
    copies.update(nexus, listId, { state: 'failed', ...progress });
    throw error;
  }
}

export function receiveCopyStatus(context: CommandContext): CommandResult {
  const { channel, task } = context;
  const listId = task.cdb[2]!;
  const status = channel.copies.status(task.nexus, listId);
  if (!status) throw invalidFieldInCdb(2, undefined, `no copy with list identifier ${listId}`);
  return allocated(encodeCopyStatus(status), readU32(task.cdb, LIST_LENGTH_AT));
}

export function receiveCopyOperatingParameters(context: CommandContext): CommandResult {
  return allocated(encodeCopyOperatingParameters(), readU32(context.task.cdb, LIST_LENGTH_AT));
}

function operationInProgress(listId: number): Error {
  return checkCondition(SENSE_KEY.illegalRequest, 0x00, 0x16, `a copy with list identifier ${listId} is under way`);
}

const LIST_SENSE = {
  'list-length': [0x1a, 0x00],
  'too-many-units': [0x26, 0x06],
  'unit-type': [0x26, 0x07],
  'too-many-segments': [0x26, 0x08],
  'segment-type': [0x26, 0x09],
  'inline-data': [0x26, 0x0b],
} as const satisfies Readonly<Record<CopyListFault, readonly [number, number]>>;

function listFault(fault: CopyListFault): Error {
  const [asc, ascq] = LIST_SENSE[fault];
  return checkCondition(SENSE_KEY.illegalRequest, asc, ascq, `copy parameter list: ${fault}`);
}
