import { CliError } from './cli-error.ts';
import type { Environment } from './render/terminal.ts';

/** Under what name this host logs in to iSCSI targets, which admit initiators and show them LUNs by it. */
export interface InitiatorName {
  readonly name: string;
  /** What gave it. */
  readonly from: 'option' | 'environment' | 'configuration' | 'default';
}

export const NAME_VARIABLE = 'CDCTL_INITIATOR_NAME';

/** What each kind of name is made of after nameprep (RFC 7143 sections 4.2.7.1 to 4.2.7.6; RFC 3722). */
const FORMS: ReadonlyMap<string, { readonly form: RegExp; readonly words: string }> = new Map([
  [
    'iqn',
    {
      form: /^iqn\.\d{4}-(?:0[1-9]|1[0-2])\.[^.:][^:]*(?::.+)?$/,
      words:
        "after iqn. come year and month, a domain name backwards, and a name of one's own: iqn.2001-04.com.example:db1",
    },
  ],
  ['eui', { form: /^eui\.[0-9a-f]{16}$/, words: 'after eui. come 16 hexadecimal digits' }],
  ['naa', { form: /^naa\.(?:[0-9a-f]{16}|[0-9a-f]{32})$/, words: 'after naa. come 16 or 32 hexadecimal digits' }],
]);

/** RFC 3722 section 6: of ASCII only these; of the rest of Unicode letters without upper case, marks and digits. */
const NOT_ALLOWED = /[^\p{Ll}\p{Lo}\p{Lm}\p{M}\p{Nd}.:-]/u;
/** RFC 7143 section 4.2.7.2. */
const MOST_BYTES = 223;

/** The name as it goes to targets (in lower case and normalized), or why it is none. */
export function prepareInitiatorName(text: string): { readonly name: string } | { readonly why: string } {
  const name = text.normalize('NFKC').toLowerCase().normalize('NFKC');
  const byteLength = Buffer.byteLength(name);
  if (byteLength > MOST_BYTES) return { why: `it has ${byteLength} bytes, ${MOST_BYTES} are allowed` };
  const kind = FORMS.get(name.slice(0, Math.max(0, name.indexOf('.'))));
  if (!kind) return { why: 'an iSCSI name begins with iqn., eui. or naa.' };
  const wrong = NOT_ALLOWED.exec(name)?.[0];
  if (wrong !== undefined) {
    return { why: `${JSON.stringify(wrong)} is not allowed in it: letters, digits, "-", "." and ":" are` };
  }
  return kind.form.test(name) ? { name } : { why: kind.words };
}

export interface InitiatorNamePlaces {
  /** `--initiator-name`, checked already. */
  readonly option: string | undefined;
  readonly environment: Environment;
  readonly configured: string | undefined;
  readonly hostName: string;
}

/** The option wins, then the variable, the configuration file, and a name made of the host's. Throws `CliError`. */
export function findInitiatorName({ option, environment, configured, hostName }: InitiatorNamePlaces): InitiatorName {
  if (option !== undefined) return { name: option, from: 'option' };
  const variable = environment[NAME_VARIABLE];
  if (variable !== undefined) return { name: fromVariable(variable), from: 'environment' };
  if (configured !== undefined) return { name: configured, from: 'configuration' };
  return { name: `iqn.2026-11.io.cdctl:host.${plain(hostName)}`, from: 'default' };
}

function fromVariable(text: string): string {
  const prepared = prepareInitiatorName(text);
  if ('name' in prepared) return prepared.name;
  throw new CliError('configuration', {
    what: `${JSON.stringify(text)} is no iSCSI name of an initiator`,
    where: `environment variable ${NAME_VARIABLE}`,
    why: text === '' ? 'it is empty' : prepared.why,
    next: `export ${NAME_VARIABLE} with the name that targets know this host by, or unset it`,
  });
}

function plain(hostName: string): string {
  return hostName.toLowerCase().replaceAll(/[^a-z0-9.-]/g, '-');
}
