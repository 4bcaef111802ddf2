import { CliError } from '../cli-error.ts';
import type { Files } from '../services.ts';
import type { Environment } from '../render/terminal.ts';
import { parseConfiguration, type Configuration } from './configuration.ts';

const SYSTEM_PATH = '/etc/cdctl/cdctl.yaml';
const LOCAL_PATH = 'cdctl.yaml';

/** Neither named nor there: what needs none goes on without. */
export class NoConfigurationFile extends CliError {
  constructor() {
    super('configuration', {
      what: 'no configuration file',
      where: `./${LOCAL_PATH}, ${SYSTEM_PATH}`,
      why: 'neither file exists, and neither --config nor CDCTL_CONFIG names one',
      next: 'name one with --config FILE, or make a lab with one: cdctl lab up',
    });
  }
}

/** `--config` wins, then CDCTL_CONFIG, ./cdctl.yaml, /etc/cdctl/cdctl.yaml. */
export async function loadConfiguration(
  files: Files,
  environment: Environment,
  option: string | undefined,
): Promise<Configuration> {
  const path = option ?? environment['CDCTL_CONFIG'] ?? (await firstExisting(files));
  const source = await files.readText(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  return parseConfiguration(source, path);
}

async function firstExisting(files: Files): Promise<string> {
  for (const path of [LOCAL_PATH, SYSTEM_PATH]) if (await files.exists(path)) return path;
  throw new NoConfigurationFile();
}

function unreadable(path: string, error: unknown): CliError {
  return new CliError('configuration', {
    what: 'the configuration cannot be read',
    where: path,
    why: error instanceof Error ? error.message : String(error),
    next: 'correct the path in --config or CDCTL_CONFIG',
  });
}
