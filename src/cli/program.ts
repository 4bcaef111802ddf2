import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { CATALOGUE, FAMILIES } from './catalogue/all.ts';
import { usageError } from './cli-error.ts';
import { prepareInitiatorName } from './initiator-name.ts';
import { DEFAULT_TIMEOUT_MS, type CommandDefinition, type OptionDefinition, type OptionKind } from './definition.ts';
import { exitClassLines } from './exit-classes.ts';
import type { ColourChoice } from './render/terminal.ts';
import type { Shell } from './shell.ts';
import { formatBytes, parseDuration, parseInteger, parseLun, parseSize } from './values.ts';

/** One command line, parsed and ready to be carried out. */
export interface Invocation {
  readonly definition: CommandDefinition;
  /** Arguments and options by their names in camel case. */
  readonly request: Readonly<Record<string, unknown>>;
  readonly global: GlobalOptions;
}

export interface GlobalOptions {
  readonly config?: string;
  readonly initiatorName?: string;
  readonly json?: boolean;
  readonly color: ColourChoice;
  readonly verbose?: boolean;
  readonly timeout?: number;
  readonly dryRun?: boolean;
  readonly confirm?: string;
}

/** Builds the program; `invoke` carries a parsed command out. Nothing here exits or prints but help and version. */
export function createProgram(shell: Shell, invoke: (invocation: Invocation) => Promise<void>): Command {
  const program = new Command('cdctl');
  configure(program, shell);
  program
    .description('Control storage arrays in-band through command devices.')
    .version(shell.version, '-V, --version', 'print the version')
    .option('--config <file>', 'configuration file (else CDCTL_CONFIG, ./cdctl.yaml, /etc/cdctl/cdctl.yaml)')
    .addOption(initiatorNameOption())
    .option('--json', 'print one versioned object on standard output')
    .addOption(new Option('--color <when>', 'colours').choices(['auto', 'always', 'never']).default('auto'))
    .option('-v, --verbose', 'show every interface block sent, and stack traces, on standard error')
    .addHelpText('after', `\nExit codes, the same for every command:\n${exitClassLines().join('\n')}`);
  const families = new Map<string, Command>();
  for (const definition of CATALOGUE) addCommand(program, families, shell, definition, invoke);
  return program;
}

function initiatorNameOption(): Option {
  const doc =
    'name of this host for iSCSI targets (else CDCTL_INITIATOR_NAME, initiator-name of the configuration file)';
  return new Option('--initiator-name <name>', doc).argParser((text: string) => {
    const prepared = prepareInitiatorName(text);
    if ('name' in prepared) return prepared.name;
    throw new InvalidArgumentError(`It must be an iSCSI name: ${prepared.why}.`);
  });
}

function configure(command: Command, shell: Shell): void {
  command
    .exitOverride()
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .showSuggestionAfterError(true)
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .configureOutput({
      writeOut: (text) => shell.stdout.write(text),
      writeErr: () => undefined,
      getOutHelpWidth: () => shell.stdout.facts.columns || 80,
      getErrHelpWidth: () => shell.stderr.facts.columns || 80,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
}

function addCommand(
  program: Command,
  families: Map<string, Command>,
  shell: Shell,
  definition: CommandDefinition,
  invoke: (invocation: Invocation) => Promise<void>,
): void {
  const words = definition.path.split(' ');
  const parent = familyOf(program, families, shell, words.slice(0, -1));
  const command = parent.command(words.at(-1)!, { hidden: definition.hidden ?? false });
  configure(command, shell);
  command.description(definition.summary);
  for (const argument of definition.arguments ?? []) {
    const name = argument.variadic ? `${argument.name}...` : argument.name;
    const made = command.createArgument(argument.optional ? `[${name}]` : `<${name}>`, argument.doc);
    command.addArgument(argument.choices ? made.choices(argument.choices) : made);
  }
  for (const option of definition.options ?? []) command.addOption(optionOf(option));
  addCommonOptions(command, definition);
  if (definition.examples) command.addHelpText('after', `\nExamples:\n${indent(definition.examples)}`);
  command.action(async (...values: unknown[]) => {
    const options = command.optsWithGlobals<Record<string, unknown>>();
    await invoke(invocationOf(definition, values, options));
  });
}

function indent(lines: readonly string[]): string {
  return lines.map((line) => `  ${line}`).join('\n');
}

function familyOf(program: Command, families: Map<string, Command>, shell: Shell, words: string[]): Command {
  if (words.length === 0) return program;
  const path = words.join(' ');
  const existing = families.get(path);
  if (existing) return existing;
  const family = familyOf(program, families, shell, words.slice(0, -1)).command(words.at(-1)!);
  configure(family, shell);
  family.description(FAMILIES[path] ?? path);
  families.set(path, family);
  return family;
}

function addCommonOptions(command: Command, definition: CommandDefinition): void {
  const timeout = new Option('--timeout <duration>', 'give up after this long (500ms, 30s, 5m)')
    .argParser((text: string) => {
      const value = parseOption('duration', text);
      if (value === 0) throw new InvalidArgumentError('It must be more than 0: nothing could be done in no time.');
      return value;
    })
    .default(definition.timeoutMs ?? DEFAULT_TIMEOUT_MS, `${(definition.timeoutMs ?? DEFAULT_TIMEOUT_MS) / 1000}s`);
  command.addOption(timeout);
  if (definition.changes) {
    command.option('--dry-run', 'print the plan and the decoded interface blocks; write nothing');
  }
  if (definition.destructive) {
    command.option('--confirm <name>', 'confirm by the name asked for; needed where nobody can be asked');
  }
}

function optionOf(definition: OptionDefinition): Option {
  const option = new Option(definition.flags, definition.doc);
  if (definition.choices) option.choices(definition.choices);
  else if (definition.kind === 'texts') option.argParser(collect);
  else if (definition.kind !== 'flag') option.argParser((text: string) => parseOption(definition.kind, text));
  if (definition.required) option.makeOptionMandatory();
  if (definition.initial !== undefined) option.default(definition.initial, initialText(definition));
  if (definition.conflicts) option.conflicts([...definition.conflicts]);
  return option;
}

/** What `--help` shows: a size as people write it. */
function initialText({ kind, initial }: OptionDefinition): string | undefined {
  return kind === 'size' && typeof initial === 'number' ? formatBytes(initial).replace(' ', '') : undefined;
}

function collect(text: string, previous: readonly string[] | undefined): readonly string[] {
  return [...(previous ?? []), text];
}

function parseOption(kind: OptionKind, text: string): string | number {
  if (kind === 'text') return text;
  const [parse, form] = NUMBER_KINDS[kind as keyof typeof NUMBER_KINDS];
  const value = parse(text);
  if (value === undefined) throw new InvalidArgumentError(`It must be ${form}.`);
  return value;
}

const NUMBER_KINDS = {
  lun: [parseLun, 'a LUN from 0 to 16383'],
  integer: [(text: string) => parseInteger(text), 'a whole number'],
  duration: [parseDuration, 'a duration such as 500ms, 30s or 5m'],
  size: [parseSize, 'a size such as 4096, 64MiB or 1GiB'],
} as const;

const GLOBAL_NAMES = ['config', 'initiatorName', 'json', 'color', 'verbose', 'timeout', 'dryRun', 'confirm'];

function invocationOf(
  definition: CommandDefinition,
  values: readonly unknown[],
  options: Record<string, unknown>,
): Invocation {
  const request: Record<string, unknown> = {};
  for (const [index, argument] of (definition.arguments ?? []).entries()) {
    if (values[index] !== undefined) request[camelCase(argument.name)] = values[index];
  }
  for (const [name, value] of Object.entries(options)) if (!GLOBAL_NAMES.includes(name)) request[name] = value;
  return { definition, request, global: options as unknown as GlobalOptions };
}

function camelCase(name: string): string {
  return name.toLowerCase().replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

/** What commander's own error means to us: help and version are answers, everything else is wrong usage. */
export function usageOf(error: CommanderError): ReturnType<typeof usageError> | undefined {
  if (error.exitCode === 0) return undefined;
  const message = error.message.replace(/^error: /, '').replaceAll('\n', ' ');
  const why = error.code === 'commander.help' ? 'a command is missing' : message;
  return usageError('wrong usage', why, 'see cdctl --help, or cdctl COMMAND --help');
}

export function isUsageError(error: unknown): error is CommanderError {
  return error instanceof CommanderError;
}
