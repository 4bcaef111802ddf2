import type { Random } from '../../base/random.ts';
import { describeViolation } from '../../base/violation.ts';
import { DEFAULT_MAX_RECV_DATA_SEGMENT_LENGTH } from '../header.ts';
import { LOGIN_STATUS, STAGE, type LoginRequest } from '../login-pdus.ts';
import { createNegotiator, type Negotiator, type OperationalParameters } from '../negotiation.ts';
import { createTextCollector, encodeText, type TextPair } from '../text.ts';
import { createSecurity, SECURITY_KEYS, type Attempts, type Security } from './security.ts';
import type { TargetConfiguration } from './types.ts';

/** Who has logged in, and what was agreed. */
export interface LoginResult {
  readonly initiatorName: string;
  readonly isid: Uint8Array;
  readonly discovery: boolean;
  readonly parameters: OperationalParameters;
}

/** The answer to one Login Request; `finished` with the last one. */
export type LoginStep =
  | {
      readonly kind: 'answer';
      readonly transit: boolean;
      readonly text: Uint8Array;
      readonly finished?: LoginResult;
    }
  | { readonly kind: 'refused'; readonly status: number; readonly why: string; readonly text: Uint8Array };

const DECLARATIONS = new Set(['InitiatorName', 'InitiatorAlias', 'TargetName', 'SessionType']);
/** iSCSI names are at most 223 bytes (RFC 7143 section 4.2.7.2). */
const MAX_NAME_LENGTH = 223;

class LoginRefusal extends Error {
  readonly status: number;
  readonly pairs: readonly TextPair[];
  constructor(status: number, message: string, pairs: readonly TextPair[] = []) {
    super(message);
    this.status = status;
    this.pairs = pairs;
  }
}

/** The login phase of one connection (RFC 7143 section 6.3): stages, declarations, security, negotiation. */
export class TargetLogin {
  initiatorName = '';
  private readonly configuration: TargetConfiguration;
  private readonly sessionExists: (tsih: number) => boolean;
  private readonly text = createTextCollector();
  private readonly security: Security;
  private readonly negotiator: Negotiator;
  private stage: number | undefined;
  private first: LoginRequest | undefined;
  private discovery = false;
  private identified = false;
  private declared = false;

  constructor(
    configuration: TargetConfiguration,
    random: Random,
    sessionExists: (tsih: number) => boolean,
    attempts: (initiatorName: () => string) => Attempts,
  ) {
    this.configuration = configuration;
    this.sessionExists = sessionExists;
    const named = (): string => this.initiatorName;
    this.security = createSecurity(configuration.chap, random, named, attempts(named));
    this.negotiator = createNegotiator(configuration.values);
  }

  receive(request: LoginRequest, data: Uint8Array): LoginStep {
    try {
      return this.step(request, data);
    } catch (error) {
      if (!(error instanceof LoginRefusal)) throw error;
      return { kind: 'refused', status: error.status, why: error.message, text: encodeText(error.pairs) };
    }
  }

  private step(request: LoginRequest, data: Uint8Array): LoginStep {
    this.checkHeader(request);
    const pairs = this.text.append(data, request.continues);
    if (!pairs.ok) throw new LoginRefusal(LOGIN_STATUS.initiatorError, describeViolation(pairs.violation));
    if (pairs.value === undefined) return { kind: 'answer', transit: false, text: new Uint8Array(0) };
    refuseDoubles(pairs.value);
    const answers: TextPair[] = [];
    if (!this.identified) answers.push(...this.identify(pairs.value));
    answers.push(...this.answer(pairs.value));
    return this.conclude(request, answers);
  }

  private checkHeader(request: LoginRequest): void {
    const first = (this.first ??= request);
    if (request.versionMin > 0) throw new LoginRefusal(LOGIN_STATUS.unsupportedVersion, 'only version 0 is known');
    if (request.initiatorTaskTag !== first.initiatorTaskTag || request.connectionId !== first.connectionId) {
      throw new LoginRefusal(LOGIN_STATUS.invalidDuringLogin, 'the task tag or CID changed during the login');
    }
    this.stage ??= this.firstStage(request);
    if (request.currentStage !== this.stage) {
      throw new LoginRefusal(LOGIN_STATUS.invalidDuringLogin, `stage ${request.currentStage}, expected ${this.stage}`);
    }
    if (request.transit && (request.continues || !this.mayFollow(request.nextStage))) {
      throw new LoginRefusal(
        LOGIN_STATUS.initiatorError,
        `no transit from stage ${this.stage} to ${request.nextStage}`,
      );
    }
    if (request.tsih !== 0) this.refuseFurtherConnection(request.tsih);
  }

  private firstStage(request: LoginRequest): number {
    const stage = request.currentStage;
    if (stage !== STAGE.securityNegotiation && stage !== STAGE.operationalNegotiation) {
      throw new LoginRefusal(LOGIN_STATUS.initiatorError, `a login cannot begin in stage ${stage}`);
    }
    return stage;
  }

  private mayFollow(nextStage: number): boolean {
    return (
      nextStage > this.stage! && (nextStage === STAGE.operationalNegotiation || nextStage === STAGE.fullFeaturePhase)
    );
  }

  /** A session has one connection here. */
  private refuseFurtherConnection(tsih: number): never {
    if (this.sessionExists(tsih)) throw new LoginRefusal(LOGIN_STATUS.tooManyConnections, 'one connection per session');
    throw new LoginRefusal(LOGIN_STATUS.sessionDoesNotExist, `no session ${tsih}`);
  }

  /** The declarations of the first text (RFC 7143 section 6.3): who, to whom, what for. */
  private identify(pairs: readonly TextPair[]): TextPair[] {
    const values = new Map(pairs);
    const name = values.get('InitiatorName') ?? '';
    if (name === '' || Buffer.byteLength(name) > MAX_NAME_LENGTH) {
      throw new LoginRefusal(LOGIN_STATUS.missingParameter, 'InitiatorName is missing or too long');
    }
    // RFC 3722: nothing that a terminal, a log or a list of names would take for something else.
    if (/[\p{Cc}\p{Cf}\p{Z}]/u.test(name)) {
      throw new LoginRefusal(LOGIN_STATUS.initiatorError, 'InitiatorName has control characters or spaces');
    }
    this.initiatorName = name;
    const type = values.get('SessionType') ?? 'Normal';
    if (type !== 'Normal' && type !== 'Discovery') {
      throw new LoginRefusal(LOGIN_STATUS.sessionTypeNotSupported, `SessionType=${type}`);
    }
    this.discovery = type === 'Discovery';
    this.checkTargetName(values.get('TargetName'));
    this.identified = true;
    return this.ownDeclarations();
  }

  private checkTargetName(targetName: string | undefined): void {
    if (targetName === undefined && !this.discovery) {
      throw new LoginRefusal(LOGIN_STATUS.missingParameter, 'TargetName is missing');
    }
    if (targetName !== undefined && targetName.toLowerCase() !== this.configuration.targetName.toLowerCase()) {
      throw new LoginRefusal(LOGIN_STATUS.targetNotFound, `no target ${targetName}`);
    }
  }

  private ownDeclarations(): TextPair[] {
    if (this.discovery) return [];
    const { targetAlias, portalGroupTag } = this.configuration;
    const tag: TextPair = ['TargetPortalGroupTag', String(portalGroupTag)];
    return targetAlias === undefined ? [tag] : [['TargetAlias', targetAlias], tag];
  }

  private answer(pairs: readonly TextPair[]): TextPair[] {
    if (this.stage === STAGE.securityNegotiation) return [...this.secure(pairs), ...this.negotiate(pairs)];
    if (!this.security.done) throw new LoginRefusal(LOGIN_STATUS.authenticationFailure, 'CHAP is required');
    const declaration = this.declared ? [] : this.negotiator.offer(['MaxRecvDataSegmentLength']);
    this.declared = true;
    return [...declaration, ...this.negotiate(pairs)];
  }

  private secure(pairs: readonly TextPair[]): readonly TextPair[] {
    const step = this.security.receive(new Map(pairs));
    if (step.kind === 'refused') throw new LoginRefusal(LOGIN_STATUS.authenticationFailure, step.why);
    return step.answers;
  }

  private negotiate(pairs: readonly TextPair[]): TextPair[] {
    const answers = this.negotiator.receive(pairs.filter(([key]) => !SECURITY_KEYS.has(key) && !DECLARATIONS.has(key)));
    if (!answers.ok) throw new LoginRefusal(LOGIN_STATUS.initiatorError, describeViolation(answers.violation));
    return answers.value;
  }

  /** At the end, so that only who has proved itself learns where the target is. */
  private sendAway(): void {
    const move = this.discovery ? undefined : this.configuration.movedTo?.(this.initiatorName);
    if (!move) return;
    const status = move.permanent ? LOGIN_STATUS.targetMovedPermanently : LOGIN_STATUS.targetMovedTemporarily;
    throw new LoginRefusal(status, `sent to ${move.address}`, [['TargetAddress', move.address]]);
  }

  private conclude(request: LoginRequest, answers: readonly TextPair[]): LoginStep {
    const text = encodeText(answers);
    if (text.length > DEFAULT_MAX_RECV_DATA_SEGMENT_LENGTH) {
      throw new LoginRefusal(LOGIN_STATUS.initiatorError, 'the answers to so many keys do not fit into one PDU');
    }
    if (!request.transit || !this.security.done) return { kind: 'answer', transit: false, text };
    this.stage = request.nextStage;
    if (request.nextStage !== STAGE.fullFeaturePhase) return { kind: 'answer', transit: true, text };
    // Not before it has proved its name: nobody shall learn by trying which names are granted something.
    if (!this.discovery && this.configuration.admits?.(this.initiatorName) === false) {
      throw new LoginRefusal(LOGIN_STATUS.authorizationFailure, 'this array grants the initiator nothing');
    }
    this.sendAway();
    const finished: LoginResult = {
      initiatorName: this.initiatorName,
      isid: this.first!.isid,
      discovery: this.discovery,
      parameters: this.negotiator.result(),
    };
    return { kind: 'answer', transit: true, text, finished };
  }
}

/** Of two values the one that was checked might not be the one that is used; the negotiator refuses its own keys twice. */
function refuseDoubles(pairs: readonly TextPair[]): void {
  const seen = new Set<string>();
  for (const [key] of pairs) {
    if (seen.has(key)) throw new LoginRefusal(LOGIN_STATUS.initiatorError, `${key} was sent twice`);
    if (SECURITY_KEYS.has(key) || DECLARATIONS.has(key)) seen.add(key);
  }
}
