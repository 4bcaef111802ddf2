import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { perform } from '../demo/chapters.ts';
import type { DemoSummary } from '../demo/events.ts';
import type { DemoHost } from '../demo/host.ts';
import { Play } from '../demo/play.ts';
import { checkRoom, openDemoSource, type DemoSource } from '../demo/source.ts';
import { STAMP_BYTES, type Region } from '../demo/stamp.ts';
import type { LabReport, Stage } from '../services.ts';

interface Request {
  readonly file?: string;
  readonly keep?: boolean;
}

/** Brings a lab up, loses a host, swaps, proves that nothing is lost, and goes back. Leaves nothing behind but with `--keep`. */
export async function run(request: Request, context: CommandContext): Promise<CommandResult<DemoSummary>> {
  const startedMs = context.services.clock.monotonicMs();
  const stage = await context.services.stage();
  const source = await openDemoSource(stage, request.file);
  try {
    return { data: await stageDemo({ request, context, stage, source, startedMs }) };
  } finally {
    await source.file.close();
  }
}

interface Parts {
  readonly request: Request;
  readonly context: CommandContext;
  readonly stage: Stage;
  readonly source: DemoSource;
  readonly startedMs: number;
}

async function stageDemo(parts: Parts): Promise<DemoSummary> {
  const { request, context, stage, source, startedMs } = parts;
  const directory = await stage.makeDirectory();
  const hosts: DemoHost[] = [];
  let keep = false;
  try {
    await checkRoom(stage, directory, source);
    const lab = await bringUp(context, directory, source);
    const play = new Play({ context, stage, source, lab, regions: regionsFor(source), startedMs });
    const { file, sinceKillMs } = await perform(play, hosts);
    keep = request.keep ?? false;
    const summary = summaryOf(play, file, sinceKillMs);
    return keep ? { ...summary, kept: { lab, programDirectory: stage.programDirectory } } : summary;
  } finally {
    await Promise.all(hosts.map((host) => host.kill()));
    if (!keep) await takeDown(context, stage, directory, startedMs);
  }
}

const LEAST_VOLUME_BYTES = 64 * 2 ** 20;
/** Small, so that the ring is seen to turn; ten seconds of what a host writes. */
const JOURNAL_BYTES = 8 * 2 ** 20;
const MIB = 2 ** 20;
/** A power of two: see `placeOf`. */
const SLOTS = 512;

async function bringUp(context: CommandContext, directory: string, source: DemoSource): Promise<LabReport> {
  const lab = await context.services.lab();
  const volumeBytes = Math.max(LEAST_VOLUME_BYTES, fileEnd(source) + SLOTS * STAMP_BYTES);
  const settings = {
    directory,
    volumeBytes,
    journalBytes: JOURNAL_BYTES,
    blockSize: 512 as const,
    timeoutMs: context.timeoutMs,
  };
  return (await lab.up(settings)).report;
}

/** The host writes behind the file, and to a second volume of the same group. */
function regionsFor(source: DemoSource): Region[] {
  return [
    { volume: 'data', offset: fileEnd(source), slots: SLOTS },
    { volume: 'log', offset: 0, slots: SLOTS },
  ];
}

function fileEnd(source: DemoSource): number {
  return Math.ceil(source.byteLength / MIB) * MIB;
}

function summaryOf(play: Play, file: DemoSummary['file'], sinceKillMs: number): DemoSummary {
  const acknowledged = Object.fromEntries(play.lab.arrays.map(({ name }) => [name, play.ledger.count(name)]));
  const { proofs, counts, elapsedMs } = play;
  return { file, acknowledged, proofs, ...counts, sinceKillMs, elapsedMs };
}

/** Runs after success, failure and interruption alike; the files go even where an array would not end. */
async function takeDown(context: CommandContext, stage: Stage, directory: string, startedMs: number): Promise<void> {
  const { services, timeoutMs } = context;
  try {
    await (await services.lab()).down(directory, true, timeoutMs);
  } finally {
    await stage.removeDirectory(directory);
  }
  context.emit({ event: 'cleaned', directory, atMs: Math.round(services.clock.monotonicMs() - startedMs) });
}
