import type { CopyStatus } from '../../scsi/extended-copy.ts';

/** Lists of one nexus whose results are remembered; the oldest that has ended gives way. */
const REMEMBERED_LISTS = 16;

/** What RECEIVE COPY RESULTS tells of the EXTENDED COPY commands of each nexus, by list identifier. */
export class CopyResults {
  readonly #byNexus = new Map<string, Map<number, CopyStatus>>();

  /** False where a copy with this identifier is under way on the nexus. */
  begin(nexus: string, listId: number): boolean {
    const lists = this.#byNexus.get(nexus) ?? new Map<number, CopyStatus>();
    if (lists.get(listId)?.state === 'in-progress') return false;
    this.#byNexus.set(nexus, lists);
    lists.delete(listId);
    for (const [id, status] of lists) {
      if (lists.size < REMEMBERED_LISTS) break;
      if (status.state !== 'in-progress') lists.delete(id);
    }
    lists.set(listId, { state: 'in-progress', segmentsProcessed: 0, bytesCopied: 0 });
    return true;
  }

  /** Ignored where the nexus has gone in the meantime. */
  update(nexus: string, listId: number, status: CopyStatus): void {
    const lists = this.#byNexus.get(nexus);
    if (lists?.has(listId)) lists.set(listId, status);
  }

  status(nexus: string, listId: number): CopyStatus | undefined {
    return this.#byNexus.get(nexus)?.get(listId);
  }

  dropNexus(nexus: string): void {
    this.#byNexus.delete(nexus);
  }
}
