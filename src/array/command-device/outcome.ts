import type { RequestBlock } from '../../interface-block/block.ts';
import { EDITED_DATA_LIMIT, PAGE_SIZE } from '../../interface-block/geometry.ts';
import { pageCountOf } from '../../interface-block/paging.ts';
import { STATUS, statusName } from '../../interface-block/status.ts';
import type { KeptResult, PageMemory } from './page-memory.ts';
import { refusal, reused } from './request-table.ts';
import type { CommandOutcome, CommandRequest, ExecuteCommand } from './types.ts';

/** S902: from the kept pages, or by execution; never rejects. */
export async function decideOutcome(
  block: RequestBlock,
  inputCrc: number,
  execute: ExecuteCommand,
  pages: PageMemory,
): Promise<CommandOutcome> {
  const kept = pages.find(block.requestId);
  if (kept) return furtherPage(block, inputCrc, kept);
  if (block.page > 0) return refusal('request-expired', `the pages of request ${block.requestId} are no longer kept`);
  const { page: _page, arraySerial: _arraySerial, ...rest } = block;
  const request: CommandRequest = { ...rest, inputCrc };
  const outcome = await executed(execute, request);
  if (outcome.status === STATUS.ok && pageCountOf(outcome.editedData.length) > 1) pages.keep(request, outcome);
  return outcome;
}

/** What fits the format: a status of the table, a message of one page, edited data within the limit. */
function deliverable(outcome: CommandOutcome): CommandOutcome {
  const { status, editedData } = outcome;
  if (statusName(status) === undefined) return refusal('internal', `status code ${status} does not exist`);
  if (status !== STATUS.ok) return { status, editedData: editedData.subarray(0, PAGE_SIZE) };
  if (editedData.length <= EDITED_DATA_LIMIT) return outcome;
  return refusal('limit-reached', `the edited data has ${editedData.length} bytes, limit ${EDITED_DATA_LIMIT}`);
}

function furtherPage(block: RequestBlock, inputCrc: number, kept: KeptResult): CommandOutcome {
  if (kept.process !== block.process || kept.inputCrc !== inputCrc) return reused(block.requestId);
  const pageCount = pageCountOf(kept.outcome.editedData.length);
  if (block.page < pageCount) return kept.outcome;
  return refusal('bad-parameter', `page ${block.page} of ${pageCount}; pages count from 0`);
}

async function executed(execute: ExecuteCommand, request: CommandRequest): Promise<CommandOutcome> {
  try {
    return deliverable(await execute(request));
  } catch (error) {
    return refusal('internal', error instanceof Error ? error.message : String(error));
  }
}
