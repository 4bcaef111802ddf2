import { encodeRequestPart } from '../interface-block/block.ts';
import { describeBlock, type BlockDescription } from '../interface-block/describe.ts';
import { encodeRequest } from '../interface-block/message.ts';
import { PROCESSES, type ProcessName, type RequestOf } from '../interface-block/process-table.ts';
import type { Step } from '../replication/plan.ts';
import { randomHex } from '../base/random.ts';
import type { CommandContext } from './context.ts';
import type { Site } from './site.ts';

/** One step of a plan with the interface block that would be written, byte for byte but for what only sending decides. */
export interface PlannedBlock {
  readonly id: string;
  readonly array: string;
  readonly process: ProcessName;
  readonly processNumber: number;
  readonly why: string;
  readonly request: unknown;
  /** Fields whose values are read from the arrays, or chosen, when the step is carried out. */
  readonly provisional: readonly string[];
  readonly block: BlockDescription;
}

const CHOSEN_WHEN_SENT = ['requestId', 'admissionNumber'];
const REQUEST_ID_SIZE = 16;

export function plannedBlocks(steps: readonly Step[], site: Site, context: CommandContext): PlannedBlock[] {
  return steps.map((step) => ({
    id: step.id,
    array: step.array,
    process: step.process,
    processNumber: PROCESSES[step.process].number,
    why: step.why,
    request: step.request,
    provisional: [...CHOSEN_WHEN_SENT, ...(step.provisional ?? [])],
    block: describeBlock(requestBytes(step.process, step.request, site.arrays.get(step.array)?.serial ?? '', context)),
  }));
}

/** The 4096 bytes that would be written at the start of a slot (S802). */
export function requestBytes<N extends ProcessName>(
  process: N,
  request: RequestOf<N>,
  arraySerial: string,
  context: CommandContext,
  details: { readonly requestId?: string; readonly page?: number; readonly admissionNumber?: number } = {},
): Uint8Array {
  return encodeRequestPart({
    process: PROCESSES[process].number,
    editedDataWanted: true,
    requestId: details.requestId ?? randomHex(context.services.random, REQUEST_ID_SIZE),
    arraySerial,
    admissionNumber: details.admissionNumber ?? 0,
    page: details.page ?? 0,
    host: context.services.who,
    input: encodeRequest(process, request),
  });
}
