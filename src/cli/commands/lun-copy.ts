import { randomHex } from '../../base/random.ts';
import { usageError } from '../cli-error.ts';
import { confirmName } from '../confirm.ts';
import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import { refuseAuxiliary, refuseCommandDevice } from '../destination-guard.ts';
import { withSelected, type OpenLun } from '../lun-selector.ts';
import { orMeantAsFile } from '../meant-as-file.ts';
import { optionalKey } from '../reservation-change.ts';
import { copyRange, type CopyFigures } from '../transfer/copy.ts';
import { imageEndpoint, inWords, type Destination, type Endpoint } from '../transfer/endpoint.ts';
import {
  deadlineOf,
  notWholeBlocks,
  openLunEnd,
  padded,
  parseEnd,
  refuseSameLun,
  withFileEnd,
  type End,
} from '../transfer/ends.ts';
import { unfinishedMarker } from '../transfer/marker.ts';
import { createPace } from '../transfer/pace.ts';
import { chooseRange, notAtBlock, type Range, type RangeRequest } from '../transfer/range.ts';
import { formatBytes } from '../values.ts';

interface Request extends RangeRequest {
  readonly from: string;
  readonly to: string;
  readonly resume?: boolean;
  readonly verify?: boolean;
  readonly pad?: boolean;
  readonly deadline?: number;
  readonly ontoAuxiliary?: boolean;
  readonly sameName?: boolean;
  readonly reservationKey?: string;
}

export interface LunCopy {
  readonly from: string;
  readonly to: string;
  readonly fromOffset: number;
  readonly toOffset: number;
  readonly byteLength: number;
  readonly dryRun: boolean;
  /** Absent with `--dry-run`. */
  readonly figures?: CopyFigures;
  readonly elapsedMs?: number;
  /** Bytes of the destination behind the copy, which are as they were. */
  readonly untouchedBytes: number;
  /** Where an unfinished file lies. */
  readonly unfinished?: string;
}

export async function run(request: Request, context: CommandContext): Promise<CommandResult<LunCopy>> {
  const [from, to] = [parseEnd(request.from), parseEnd(request.to)];
  const selectors = [from, to].flatMap((end) => (end.kind === 'lun' ? [end.selector] : []));
  if (selectors.length === 0) {
    throw usageError('neither end is a LUN', `${request.from} and ${request.to} are files`, 'use cp, or name a LUN');
  }
  const options = { reservationKey: optionalKey(request.reservationKey) };
  const job = (opened: readonly OpenLun[]) => new Job(request, context, from, to, opened).carryOut();
  return orMeantAsFile([from, to], () => withSelected(context, selectors, job, options));
}

class Job {
  readonly #request: Request;
  readonly #context: CommandContext;
  readonly #from: End;
  readonly #to: End;
  readonly #opened: readonly OpenLun[];

  constructor(request: Request, context: CommandContext, from: End, to: End, opened: readonly OpenLun[]) {
    this.#request = request;
    this.#context = context;
    this.#from = from;
    this.#to = to;
    this.#opened = opened;
  }

  async carryOut(): Promise<CommandResult<LunCopy>> {
    const copy = (from: Endpoint): Promise<CommandResult<LunCopy>> =>
      this.#to.kind === 'lun' ? this.#ontoLun(from) : this.#ontoFile(from, this.#to.path);
    if (this.#from.kind === 'file') return withFileEnd(this.#context, this.#from.path, copy);
    return copy((await openLunEnd(this.#context, this.#opened[0]!)).end);
  }

  async #ontoLun(source: Endpoint): Promise<CommandResult<LunCopy>> {
    const { timeoutMs } = this.#context;
    const open = this.#opened.at(-1)!;
    const { end } = await openLunEnd(this.#context, open);
    if (this.#from.kind === 'lun')
      await refuseSameLun(this.#opened[0]!, open, this.#request.sameName ?? false, timeoutMs);
    await refuseCommandDevice(open, timeoutMs);
    if (!this.#request.ontoAuxiliary) {
      await refuseAuxiliary(this.#context, open, await open.lun.identify({ timeoutMs }));
    }
    const from = this.#from.kind === 'file' && this.#request.pad ? padded(source, end.unit) : source;
    const range = this.#range(from, end, end.unit);
    const { length, toOffset } = range;
    const where = toOffset === 0 ? '' : ` from byte ${toOffset}`;
    await confirmName(
      this.#context,
      open.selector,
      `This overwrites ${formatBytes(length)} of ${open.selector}${where}`,
    );
    const facts = this.#facts(range, end.byteLength - toOffset - length);
    if (this.#context.dryRun) return { changed: false, data: facts };
    const token = randomHex(this.#context.services.random, 16);
    const marker = unfinishedMarker(token, from.name, end.name, end.unit, length);
    return this.#copy(from, end, range, facts, marker);
  }

  /** Into `FILE.partial`, which gets its name when it is whole. */
  async #ontoFile(from: Endpoint, path: string): Promise<CommandResult<LunCopy>> {
    const { files } = this.#context.services;
    const { request, context } = { request: this.#request, context: this.#context };
    if (request.toOffset)
      throw usageError('--to-offset is for LUNs', `${path} is a file`, 'copy into a file of its own');
    const range = this.#range(from, undefined, 1);
    await inWords(path, 'written', () => files.checkReplaceable(path));
    if (await files.exists(path)) await confirmName(context, path, `This replaces the file ${path}`);
    const facts = this.#facts(range, 0);
    if (context.dryRun) return { changed: false, data: facts };
    const partial = `${path}.partial`;
    const fresh = !(request.resume && (await files.exists(partial)));
    const image = await inWords(partial, 'written', () => files.openImage(partial, range.length, fresh));
    let result: CommandResult<LunCopy>;
    try {
      const to = imageEndpoint(partial, image, fresh);
      result = await this.#copy(from, to, range, { ...facts, unfinished: partial }, undefined);
      // While nobody else may write it.
      if (!result.exit) await inWords(path, 'written', () => files.rename(partial, path));
    } finally {
      await image.close();
    }
    if (result.exit) return result;
    return { changed: true, data: { ...facts, ...figuresOf(result.data) } };
  }

  async #copy(
    from: Endpoint,
    to: Destination,
    range: Range,
    facts: LunCopy,
    marker: Uint8Array | undefined,
  ): Promise<CommandResult<LunCopy>> {
    const { stop, services } = this.#context;
    const { resume = false, verify = false, deadline } = this.#request;
    const late = deadlineOf(this.#context, deadline);
    const pace = createPace(services.clock, range.length, (text) => this.#context.progress(text));
    const figures = await copyRange({
      from,
      to,
      range,
      resume,
      verify,
      stopped: () => stop.aborted || late(),
      progress: (phase, doneBytes) => pace.show(phase, doneBytes),
      ...(marker && { marker }),
    });
    const data = { ...facts, figures, elapsedMs: Math.round(pace.elapsedMs()) };
    const changed = figures.writtenBytes > 0;
    if (figures.whole) return { changed, data };
    return { changed, data, exit: stop.aborted ? 'partial' : 'timeout', note: this.#unfinished(figures, range) };
  }

  #unfinished({ doneBytes }: CopyFigures, { length }: Range) {
    const done = `${formatBytes(doneBytes)} of ${formatBytes(length)}`;
    return {
      what: 'the copy is not whole',
      where: this.#request.to,
      why: `it was ended after ${done}; the destination says so in its first block, or by its name`,
      next: 'run it again with --resume: what is there is compared, and only the rest written',
    };
  }

  #range(from: Endpoint, to: Endpoint | undefined, unit: number): Range {
    const { fromOffset = 0, length } = this.#request;
    const wanted = length ?? from.byteLength - fromOffset;
    if (fromOffset % from.unit !== 0) throw notAtBlock('--from-offset', fromOffset, from);
    if (wanted % unit !== 0) throw notWholeBlocks(from.name, wanted, unit);
    if (wanted < 1)
      throw usageError('nothing to copy', `${from.name} has ${from.byteLength} bytes`, 'give another range');
    return chooseRange(from, to, this.#request, wanted);
  }

  #facts({ fromOffset, toOffset, length }: Range, untouchedBytes: number): LunCopy {
    const { from, to } = this.#request;
    return { from, to, fromOffset, toOffset, byteLength: length, untouchedBytes, dryRun: this.#context.dryRun };
  }
}

function figuresOf({ figures, elapsedMs }: LunCopy): Pick<LunCopy, 'figures' | 'elapsedMs'> {
  return { ...(figures && { figures }), ...(elapsedMs !== undefined && { elapsedMs }) };
}
