import type { CommandOutcome, CommandRequest } from './types.ts';

/** Edited data of more than one page, kept for the requests for the further pages. */
export interface PageMemory {
  find(requestId: string): KeptResult | undefined;
  keep(request: CommandRequest, outcome: CommandOutcome): void;
}

export interface KeptResult {
  readonly process: number;
  readonly inputCrc: number;
  readonly outcome: CommandOutcome;
}

const RESULT_LIMIT = 64;
const BYTE_LIMIT = 32 * 1024 * 1024;

/** The last results, bounded in number and in bytes; the newest is always kept. */
export function createPageMemory(): PageMemory {
  const results = new Map<string, KeptResult>();
  let bytes = 0;

  function forget(requestId: string): void {
    bytes -= results.get(requestId)?.outcome.editedData.length ?? 0;
    results.delete(requestId);
  }

  return {
    find: (requestId) => results.get(requestId),
    keep({ requestId, process, inputCrc }, outcome) {
      forget(requestId);
      results.set(requestId, { process, inputCrc, outcome });
      bytes += outcome.editedData.length;
      for (const oldest of results.keys()) {
        if (oldest === requestId || (results.size <= RESULT_LIMIT && bytes <= BYTE_LIMIT)) return;
        forget(oldest);
      }
    },
  };
}
