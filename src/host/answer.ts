import type { SlotContent } from '../interface-block/block.ts';
import { checksum } from '../interface-block/checksum.ts';
import { decodeRefusal } from '../interface-block/message.ts';
import { STATUS, statusName } from '../interface-block/status.ts';
import { callError, outcomeUnknown, renewRequest, type CallState } from './call-state.ts';
import { escapeText } from './escape-text.ts';
import { exchange, recordSetback } from './slot-dialogue.ts';

/** The whole edited data of a command that the array executed; a refusal becomes a `CommandError`. */
export async function fetchEditedData(call: CallState): Promise<Uint8Array> {
  for (;;) {
    const first = await exchange(call, 0);
    if (!isOurs(call, first)) {
      recordSetback(
        call,
        `the answer in the slot is that of process ${first.process} of ${escapeText(first.arraySerial)}`,
      );
    } else if (first.status !== STATUS.ok) {
      handleRefusal(call, first);
    } else {
      const editedData = await collectPages(call, first);
      if (editedData) return editedData;
      if (call.process.changes)
        throw callError(call, 'bad-answer', `${call.process.name} was executed, but pages of its answer are lost`);
      startAnew(call, 'the pages of the answer do not fit together');
    }
  }
}

function isOurs(call: CallState, content: SlotContent): boolean {
  return content.process === call.process.number && (content.arraySerial === call.parts.serial || content.status !== 0);
}

/** Undefined where the array no longer has the pages, or they are not of one execution. */
async function collectPages(call: CallState, first: SlotContent): Promise<Uint8Array | undefined> {
  const editedData = new Uint8Array(first.editedLength);
  let length = 0;
  for (let page = 0; page < first.pageCount; page++) {
    const content = page === 0 ? first : await exchange(call, page);
    if (content.status !== STATUS.ok || content.page !== page || content.wholeCrc !== first.wholeCrc) return undefined;
    if (content.editedLength !== first.editedLength) return undefined;
    editedData.set(content.editedPage, length);
    length += content.editedPage.length;
  }
  return checksum(editedData) === first.wholeCrc ? editedData : undefined;
}

/** Returns where another try may succeed. */
function handleRefusal(call: CallState, content: SlotContent): void {
  const status = statusName(content.status);
  const message = escapeText(decodeRefusal(content.editedPage));
  switch (status) {
    case 'bad-block':
      return recordSetback(call, `the block arrived damaged: ${message}`);
    case 'stale-signature':
      return recordSetback(call, `the signature came too late: ${message}`);
    case 'wrong-array':
      throw callError(call, 'wrong-array', message, { status });
    case 'request-expired':
      if (call.process.changes && !(call.ownRequestId && call.deliveries === 1)) {
        throw outcomeUnknown(call, message, { status });
      }
      return startAnew(call, message);
    default:
      throw callError(call, 'refused', refusalText(content.status, message), { status });
  }
}

/** Under a new request id: for a query, or a command of which the only submission was refused unexecuted. */
function startAnew(call: CallState, why: string): void {
  recordSetback(call, why);
  renewRequest(call);
}

function refusalText(status: number, message: string): string {
  if (statusName(status) !== undefined && message !== '') return message;
  return `${message === '' ? 'no reason given' : message} (status ${status})`;
}
