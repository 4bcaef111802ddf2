import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAccessFile } from '../../../src/cli/config/access-file.ts';
import { withSecrets } from '../../../src/cli/wiring/array-access.ts';
import { temporaryDirectory } from '../support/run-program.ts';

const place = temporaryDirectory();

beforeAll(() => {
  mkdirSync(join(place.path, 'secrets'));
  writeFileSync(join(place.path, 'secrets', 'at-osaka'), 'a secret of its own\n', { mode: 0o600 });
});

afterAll(() => place.remove());

const REMOTES = 'format: 1\nremotes:\n  - { user: tokyo, secret-file: secrets/at-osaka }\n';

async function credentialsAt(text: string) {
  const { remoteCredentials } = await withSecrets(place.path, parseAccessFile(text, 'access.yaml'));
  return remoteCredentials.get('tokyo');
}

describe('the CHAP algorithms of an array', () => {
  it('hold for its own logins elsewhere, also where nobody logs in here', async () => {
    const secret = { name: 'tokyo', secret: 'a secret of its own' };
    expect(await credentialsAt(REMOTES)).toEqual(secret);
    expect(await credentialsAt(`${REMOTES}chap-algorithms: [sha256, sha3-256]\n`)).toEqual({
      ...secret,
      algorithms: [7, 8],
    });
  });
});
