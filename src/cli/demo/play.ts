import type { BlockEvent } from '../../host/array-client.ts';
import { randomHex } from '../../base/random.ts';
import type { CycleFigures, PairProgress } from '../../replication/events.ts';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import type { LabReport, Stage } from '../services.ts';
import type { BlockCounts, DemoEventBody, DemoProof } from './events.ts';
import { Ledger } from './ledger.ts';
import type { DemoSource } from './source.ts';
import type { Region } from './stamp.ts';

export interface PlayParts {
  readonly context: CommandContext;
  readonly stage: Stage;
  readonly source: DemoSource;
  readonly lab: LabReport;
  readonly regions: readonly Region[];
  readonly startedMs: number;
}

/** One performance: what it works with, and what it has counted so far. */
export class Play {
  readonly context: CommandContext;
  readonly stage: Stage;
  readonly source: DemoSource;
  readonly lab: LabReport;
  readonly regions: readonly Region[];
  readonly ledger: Ledger;
  /** Tells the blocks of this run from any other's. */
  readonly run: string;
  readonly proofs: DemoProof[] = [];
  readonly #startedMs: number;
  readonly #byProcess: Record<string, number> = {};
  readonly #copied = new Map<string, number>();
  #sent = 0;
  #throughVirtual = 0;
  #chapters = 0;
  #cycles = 0;
  #journalBytes = 0;
  #journalRecords = 0;
  #largestLagMs = 0;

  constructor({ context, stage, source, lab, regions, startedMs }: PlayParts) {
    this.context = context;
    this.stage = stage;
    this.source = source;
    this.lab = lab;
    this.regions = regions;
    this.ledger = new Ledger(regions);
    this.run = randomHex(context.services.random, 4);
    this.#startedMs = startedMs;
  }

  get elapsedMs(): number {
    return Math.round(this.context.services.clock.monotonicMs() - this.#startedMs);
  }

  tell(body: DemoEventBody): void {
    this.context.emit({ ...body, atMs: this.elapsedMs });
  }

  /** Where the story may be broken off. */
  chapter(title: string, text: string): void {
    this.requireGoingOn();
    this.#chapters += 1;
    this.tell({ event: 'chapter', number: this.#chapters, title, text });
  }

  requireGoingOn(): void {
    if (!this.context.stop.aborted) return;
    throw new CliError('partial', {
      what: 'the demonstration was interrupted',
      why: 'it was told to stop before its end',
      next: 'run it again: it begins anew',
    });
  }

  block(site: string, event: BlockEvent): void {
    const lun = Number(event.path.slice(event.path.lastIndexOf('/') + 1));
    if (event.kind === 'sent') {
      this.#sent += 1;
      if (event.array !== site) this.#throughVirtual += 1;
      this.#byProcess[event.process] = (this.#byProcess[event.process] ?? 0) + 1;
    }
    this.tell({ event: 'block', lun, through: site, ...event });
  }

  /** The number of this cycle. */
  countCycle(figures: CycleFigures, copying: readonly PairProgress[]): number {
    this.#cycles += 1;
    this.#journalBytes += figures.bytes ?? 0;
    this.#journalRecords += figures.recordsAcquired;
    this.#largestLagMs = Math.max(this.#largestLagMs, figures.lagMs ?? 0);
    for (const { pair, copiedChunks, chunkBytes } of copying) this.#copied.set(pair, copiedChunks * chunkBytes);
    return this.#cycles;
  }

  get counts() {
    const blocks: BlockCounts = {
      sent: this.#sent,
      throughVirtual: this.#throughVirtual,
      byProcess: { ...this.#byProcess },
    };
    return {
      blocks,
      cycles: this.#cycles,
      journalBytes: this.#journalBytes,
      journalRecords: this.#journalRecords,
      copiedBytes: [...this.#copied.values()].reduce((sum, bytes) => sum + bytes, 0),
      largestLagMs: this.#largestLagMs,
    };
  }
}
