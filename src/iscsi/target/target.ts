import { TargetConnection, type ConnectionFacts } from './connection.ts';
import { createLoginPatience } from './login-patience.ts';
import { SessionRegistry } from './registry.ts';
import type { TargetParts } from './types.ts';

/**
 * The target side of iSCSI (RFC 7143) without I/O: connections take bytes and the time, and give tasks to the host and
 * chunks to send. One target name, any number of sessions with one connection each, error recovery level 0.
 */
export class IscsiTarget {
  private readonly parts: TargetParts;
  private readonly registry = new SessionRegistry();
  private readonly patience = createLoginPatience();

  constructor(parts: TargetParts) {
    const secret = parts.configuration.chap?.target?.secret;
    if (secret !== undefined && parts.configuration.chap?.initiators.some((known) => known.secret === secret)) {
      throw new RangeError('the CHAP secrets of initiator and target must differ (RFC 7143 section 12.1.3)');
    }
    this.parts = parts;
  }

  accept(facts: ConnectionFacts): TargetConnection {
    return new TargetConnection(this.parts, this.registry, this.patience, facts);
  }
}
