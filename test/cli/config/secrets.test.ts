import { expect, it } from 'vitest';
import { parseConfiguration } from '../../../src/cli/config/configuration.ts';
import { loadSecrets } from '../../../src/cli/config/secrets.ts';
import type { Files } from '../../../src/cli/services.ts';
import { EXAMPLE } from '../support/example-configuration.ts';

const FILES = {
  mode: () => Promise.resolve(0o100600),
  readText: (path: string) => Promise.resolve(`text of ${path}\n`),
} as unknown as Files;

it('secrets come from where the configuration says, and for other users from one variable', async () => {
  const configuration = parseConfiguration(
    `${EXAMPLE}  nightly:\n    secret-env: NIGHTLY\n    target: { user: tokyo, secret-file: /t }\n`,
    'c.yaml',
  );
  const environment = { NIGHTLY: 'from the environment', CDCTL_CHAP_SECRET: 'for the others' };
  const secrets = await loadSecrets({ files: FILES, environment }, configuration);
  expect(secrets.get('backup')).toEqual({ secret: 'text of /etc/cdctl/secret' });
  expect(secrets.get('nightly')).toEqual({
    secret: 'from the environment',
    target: { name: 'tokyo', secret: 'text of /t' },
  });
  expect(secrets.get('hana')).toEqual({ secret: 'for the others' });
});

it('no secret is made up', async () => {
  for (const environment of [{}, { CDCTL_CHAP_SECRET: '' }]) {
    expect((await loadSecrets({ files: FILES, environment })).get('hana')).toBeUndefined();
  }
});
