import type { Configuration } from './config/configuration.ts';
import type { CommandContext, CommandEvent } from './context.ts';
import type { CommandResult, TextModule } from './definition.ts';
import { EXIT_CLASSES, type ExitClassName } from './exit-classes.ts';
import type { Failure } from './failure.ts';
import { createProgram, isUsageError, usageOf, type GlobalOptions, type Invocation } from './program.ts';
import { canSpin, type ColourChoice } from './render/terminal.ts';
import type { Shell } from './shell.ts';
import type { Spinner } from './render/spinner.ts';

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
  readonly #stop = new AbortController();
  readonly #abort = new AbortController();
  #configuration: Promise<Configuration> | undefined;
  #text: TextModule<object> | undefined;
  #spinner: Promise<Spinner> | undefined;
  #spinnerText = '';

  constructor(invocation: Invocation, shell: Shell) {
    this.#invocation = invocation;
    this.#options = invocation.global;
    this.#path = invocation.definition.path;
    this.#shell = shell;
  }

  async carryOut(): Promise<number> {
    const ignoreSignals = this.#shell.onStopSignal((signal) => this.#signalled(signal));
    try {
      const result = await this.#run();
      await this.#clearProgress();
      return await this.#printResult(result);
    } catch (error) {
      await this.#clearProgress();
      return await this.#printError(error);
    } finally {
      ignoreSignals();
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
    const { json, confirm, timeout, dryRun, verbose } = this.#options;
    const canAsk = this.#shell.input.isTTY && this.#shell.stderr.facts.isTTY && !json;
    return {
      services,
      environment: this.#shell.environment,
      timeoutMs: timeout ?? 0,
      dryRun: dryRun ?? false,
      verbose: verbose ?? false,
      confirm,
      stop: this.#stop.signal,
      abort: this.#abort.signal,
      ask: canAsk ? (question) => this.#shell.input.ask(question) : undefined,
      configuration: () => (this.#configuration ??= this.#loadConfiguration()),
      emit: (event) => this.#emit(event),
      notice: (text) => this.#shell.stderr.write(`${text}\n`),
      progress: (text) => this.#progress(text),
      readInput: () => this.#shell.input.readAll(),
      writeBytes: json ? undefined : (bytes) => this.#shell.stdout.write(bytes),
    };
  }

  async #loadConfiguration(): Promise<Configuration> {
    const { loadConfiguration } = await import('./config/find.ts');
    const { files } = await this.#shell.services();
    return await loadConfiguration(files, this.#shell.environment, this.#options.config);
  }

  #signalled(signal: string): void {
    if (this.#stop.signal.aborted) {
      this.#abort.abort(new Error(`${signal}, the second`));
      return;
    }
    this.#stop.abort(new Error(signal));
    if (!this.#options.json) this.#shell.stderr.write(`${signal}: finishing what is in hand; once more to abort\n`);
    const { streams, graceful } = this.#invocation.definition;
    if (!streams && !graceful) this.#abort.abort(new Error(signal));
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
      if (line !== undefined) this.#shell.stdout.write(`${line}\n`);
    });
  }

  async #view() {
    const { createView } = await import('./render/view.ts');
    return createView(this.#shell.stdout.facts, this.#shell.environment, this.#options.color);
  }

  #progress(text: string): void {
    this.#spinnerText = text;
    if (this.#options.json || !canSpin(this.#shell.stderr.facts, this.#shell.environment)) return;
    this.#spinner ??= import('./render/spinner.ts').then(({ startSpinner }) =>
      startSpinner(text, this.#shell.stderr.stream),
    );
    void this.#spinner.then((spinner) => spinner.update(this.#spinnerText));
  }

  async #clearProgress(): Promise<void> {
    (await this.#spinner)?.stop();
    this.#spinner = undefined;
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
