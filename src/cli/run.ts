import type { Configuration } from './config/configuration.ts';
import type { CommandContext, CommandEvent } from './context.ts';
import type { CommandResult, TextModule } from './definition.ts';
import { EXIT_CLASSES, type ExitClassName } from './exit-classes.ts';
import type { Failure } from './failure.ts';
import { Interruption } from './interruption.ts';
import { createProgram, isUsageError, usageOf, type GlobalOptions, type Invocation } from './program.ts';
import { ProgressLine } from './progress-line.ts';
import { canSpin, type ColourChoice } from './render/terminal.ts';
import type { Shell } from './shell.ts';

/** Carries out one command line; resolves with the exit code and never throws. */
export async function runProgram(argv: readonly string[], shell: Shell): Promise<number> {
  let code: number = EXIT_CLASSES.done.code;
  const program = createProgram(shell, async (invocation) => {
    code = await new Run(invocation, shell).carryOut();
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (error) {
    const reported = isUsageError(error) ? usageOf(error) : error;
    if (reported === undefined) return EXIT_CLASSES.done.code;
    return await reportEarly(reported, argv, shell);
  }
}

/** A failure before any command was known. */
async function reportEarly(error: unknown, argv: readonly string[], shell: Shell): Promise<number> {
  const { failureOf } = await import('./failure.ts');
  const failure = failureOf(error, '');
  await printFailure('error', failure, { json: argv.includes('--json'), color: 'auto' }, shell);
  return failure.exit;
}

async function printFailure(
  command: string,
  failure: Failure,
  options: { json?: boolean; color: ColourChoice; verbose?: boolean },
  shell: Shell,
): Promise<void> {
  if (options.json) {
    const { renderJson } = await import('./render/json.ts');
    shell.stdout.write(renderJson(command, { ok: false, failure: withoutStack(failure, options.verbose) }));
    return;
  }
  const [{ renderFailure }, { createView }] = await Promise.all([
    import('./render/failure.ts'),
    import('./render/view.ts'),
  ]);
  const view = createView(shell.stderr.facts, shell.environment, options.color);
  shell.stderr.write(renderFailure(failure, view));
  if (options.verbose && typeof failure['stack'] === 'string') shell.stderr.write(`${failure['stack']}\n`);
}

function withoutStack(failure: Failure, verbose: boolean | undefined): Failure {
  if (verbose) return failure;
  const { stack: _, ...rest } = failure;
  return rest as Failure;
}

/** One command from parsed request to exit code. */
class Run {
  readonly #invocation: Invocation;
  readonly #options: GlobalOptions;
  readonly #path: string;
  readonly #shell: Shell;
  readonly #interruption: Interruption;
  #configuration: Promise<Configuration> | undefined;
  #text: TextModule<object> | undefined;
  #progressLine: ProgressLine | undefined;

  constructor(invocation: Invocation, shell: Shell) {
    this.#invocation = invocation;
    this.#options = invocation.global;
    this.#path = invocation.definition.path;
    this.#shell = shell;
    this.#interruption = new Interruption(invocation.definition, (text) => {
      if (!this.#options.json) this.#notice(text);
    });
  }

  async carryOut(): Promise<number> {
    this.#interruption.listen((callback) => this.#shell.onStopSignal(callback));
    try {
      const result = await this.#run();
      this.#progressLine?.hide();
      return await this.#printResult(result);
    } catch (error) {
      this.#progressLine?.hide();
      return await this.#printError(this.#interruption.explain(error));
    } finally {
      this.#interruption.end();
    }
  }

  async #run(): Promise<CommandResult> {
    const { definition, request } = this.#invocation;
    if (!this.#options.json) this.#text = (await definition.text()) as TextModule<object>;
    const module = await definition.load();
    const context = await this.#context();
    if (definition.streams) this.#emit({ event: 'hello', command: this.#path, version: this.#shell.version });
    return await module.run(request as never, context);
  }

  async #context(): Promise<CommandContext> {
    const services = await this.#shell.services();
    this.#progressLine = new ProgressLine(this.#shell.stderr.stream, services.clock);
    const { json, confirm, timeout, dryRun, verbose, initiatorName } = this.#options;
    const canAsk = this.#shell.input.isTTY && this.#shell.stderr.facts.isTTY && !json;
    return {
      services,
      environment: this.#shell.environment,
      timeoutMs: timeout ?? 0,
      initiatorName,
      dryRun: dryRun ?? false,
      verbose: verbose ?? false,
      confirm,
      stop: this.#interruption.stop,
      abort: this.#interruption.abort,
      ask: canAsk ? (question) => this.#ask(question) : undefined,
      configuration: () => (this.#configuration ??= this.#loadConfiguration()),
      emit: (event) => this.#emit(event),
      notice: (text) => this.#notice(text),
      progress: (text) => this.#progress(text),
      readInput: () => this.#shell.input.readAll(),
      writeBytes: json ? undefined : (bytes) => this.#writeBytes(bytes),
    };
  }

  async #loadConfiguration(): Promise<Configuration> {
    const { loadConfiguration } = await import('./config/find.ts');
    const { files } = await this.#shell.services();
    return await loadConfiguration(files, this.#shell.environment, this.#options.config);
  }

  #pendingEvents: Promise<void> = Promise.resolve();

  #emit(event: CommandEvent): void {
    this.#pendingEvents = this.#pendingEvents.then(async () => {
      if (this.#options.json) {
        const { renderEvent } = await import('./render/json.ts');
        this.#shell.stdout.write(renderEvent(this.#path, event));
        return;
      }
      const line = this.#text?.renderEvent?.(event, await this.#view());
      if (line === undefined) return;
      this.#progressLine?.hide();
      this.#shell.stdout.write(`${line}\n`);
    });
  }

  async #view() {
    const { createView } = await import('./render/view.ts');
    return createView(this.#shell.stdout.facts, this.#shell.environment, this.#options.color);
  }

  #writeBytes(bytes: Uint8Array): Promise<boolean> {
    this.#shell.stdout.write(bytes);
    return this.#shell.stdout.taken();
  }

  #ask(question: string): Promise<string> {
    this.#progressLine?.hide();
    return this.#shell.input.ask(question);
  }

  #notice(text: string): void {
    this.#progressLine?.hide();
    this.#shell.stderr.write(`${text}\n`);
  }

  #progress(text: string): void {
    if (this.#options.json || !canSpin(this.#shell.stderr.facts, this.#shell.environment)) return;
    this.#progressLine?.show(text);
  }

  async #printResult(result: CommandResult): Promise<number> {
    const exit = result.exit ?? 'done';
    await this.#pendingEvents;
    const failure = exit === 'done' ? undefined : await this.#noteFailure(exit, result);
    if (this.#options.json) await this.#printJson(exit === 'done', result, failure);
    else await this.#printText(result, failure);
    return EXIT_CLASSES[exit].code;
  }

  async #noteFailure(exit: ExitClassName, result: CommandResult): Promise<Failure> {
    const [{ failureOf }, { CliError }] = await Promise.all([import('./failure.ts'), import('./cli-error.ts')]);
    const { meaning, advice } = EXIT_CLASSES[exit];
    const note = result.note ?? { what: meaning, why: 'see the result', next: advice };
    return failureOf(new CliError(exit, note), this.#path);
  }

  async #printJson(ok: boolean, result: CommandResult, failure: Failure | undefined): Promise<void> {
    const { renderJson, renderEvent } = await import('./render/json.ts');
    const { changed, data } = result;
    if (this.#invocation.definition.streams) {
      const end = { event: 'end', ok, changed, ...data, ...(failure && { error: failure }) };
      this.#shell.stdout.write(renderEvent(this.#path, end));
      return;
    }
    this.#shell.stdout.write(renderJson(this.#path, { ok, changed, data, failure }));
  }

  async #printText(result: CommandResult, failure: Failure | undefined): Promise<void> {
    const text = this.#text!.render(result.data, await this.#view());
    if (text !== '') this.#shell.stdout.write(`${text}\n`);
    if (failure) await printFailure(this.#path, failure, this.#options, this.#shell);
  }

  async #printError(error: unknown): Promise<number> {
    const { failureOf } = await import('./failure.ts');
    const failure = failureOf(error, this.#path);
    await this.#pendingEvents;
    if (this.#options.json && this.#invocation.definition.streams) {
      const { renderEvent } = await import('./render/json.ts');
      const shown = withoutStack(failure, this.#options.verbose);
      this.#shell.stdout.write(renderEvent(this.#path, { event: 'end', ok: false, error: shown }));
    } else {
      await printFailure(this.#path, failure, this.#options, this.#shell);
    }
    return failure.exit;
  }
}
