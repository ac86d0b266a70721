// Types of index.js; those of the constants are in declarations.d.ts.
import { constants } from './declarations';

/** An id: a BigInt, or a number that is a safe integer. What is given back is a BigInt. */
export type Id = bigint | number;
/** What a statement can be given, and what a row has: integers of rows are BigInt. */
export type Parameter = null | number | bigint | string | Uint8Array;
export type Value = null | number | bigint | string | Buffer;
/** A document of the library (docs/json-documents.md). Its integers are BigInt where a number is not exactly that. */
export type Document = { schema: string; [field: string]: any };

export interface Progress {
    finished: boolean;
    operation: string;
    processed: number | bigint;
    total: number | bigint;
    failed: number | bigint;
    percentage: number;
    elapsed: number;
}

/** What every call that takes long accepts. What `onProgress` throws ends the call, and comes out of it when all is rolled back. */
export interface Job {
    onProgress?: (now: Progress) => void;
    signal?: AbortSignal;
}

export interface OpenOptions extends Job {
    create?: boolean;
    readOnly?: boolean;
    password?: string;
    busyTimeoutMs?: number;
    snapshotDir?: string;
}

export interface MigrateOptions extends Job {
    target?: Manager | null;
    strategy?: 'conservative' | 'balanced' | 'aggressive';
    onDuplicate?: 'copy' | 'skip' | 'error';
    into?: Id;
    titlePrefix?: string;
    allowLossy?: boolean;
    addColumns?: boolean;
    snapshot?: boolean;
}

export interface Experiment {
    id: bigint;
    title: string;
    description: string | null;
    startTime: string | null;
    updateTime: string | null;
    trials: number;
    runs: number;
}

export interface Migration {
    skipped: boolean;
    sourceId: bigint;
    newId: bigint;
    processed: number;
    failed: number;
    seconds: number;
    warnings: string[];
    sourceDigest: string | null;
    targetDigest: string | null;
    snapshot: string | null;
    document: Document;
}

/** A call that failed, and changed nothing. */
export class ExpmigError extends Error {
    readonly status: string;
    readonly domain: string;
    /** Empty if there is none. */
    readonly hint: string;
    readonly retryable: boolean;
    readonly details: [key: string, value: string][];
}

export class Manager {
    private constructor();
    static open(url: string, options?: OpenOptions): Promise<Manager>;
    info(): Promise<Document>;
    experiments(): Promise<Experiment[]>;
    query(sql: string, parameters?: Parameter[]): Promise<Record<string, Value>[]>;
    query(sql: string, parameters: Parameter[], options: { onRow: (row: Record<string, Value>) => void }): Promise<void>;
    validate(options?: Job & { experiment?: Id; issueLimit?: number }): Promise<Document>;
    digest(experiment: Id, options?: Job): Promise<string>;
    compare(experiment: Id, otherExperiment: Id, options?: Job & { other?: Manager }): Promise<Document>;
    plan(experiment: Id, options?: MigrateOptions): Promise<Document>;
    migrate(experiment: Id, options?: MigrateOptions): Promise<Migration>;
    transform(rules: string | object, options?: Job & { experiments?: Id[]; metrics?: Id[]; dryRun?: boolean }): Promise<Document>;
    undo(transform: Id, options?: Job & { skipChanged?: boolean }): Promise<Document>;
    createSnapshot(description?: string, options?: Job): Promise<string>;
    snapshots(options?: { pattern?: string }): Promise<Document>;
    verifySnapshot(snapshot: string, options?: Job): Promise<void>;
    restoreSnapshot(snapshot: string, options?: Job & { force?: boolean; safetySnapshot?: boolean }): Promise<Document>;
    deleteSnapshot(snapshot: string): Promise<void>;
    exportToFile(experiment: Id, path: string, options?: Job & { replace?: boolean; indent?: number }): Promise<void>;
    importFromFile(path: string, options?: Job & { onDuplicate?: 'copy' | 'skip' | 'error'; preserveIds?: boolean }): Promise<Document>;
    reportToFile(
        path: string, experiments: Id[], options?: Job & { others?: [Manager, Id][]; title?: string; replace?: boolean },
    ): Promise<void>;
    close(): Promise<void>;
}

export { constants };
/** The name by which the loader looks for the library. */
export const soname: string;
export function version(): string;
export function buildInfo(): { [field: string]: any };
