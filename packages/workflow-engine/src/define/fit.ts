// What must not compile, and what the compiler then says: a stage whose input the stage before cannot satisfy, whose declared
// context is not there yet, or a workflow that ends in another output than it declares. The messages are type names with the
// stage's id first, because the compiler prints those. Types only.

import type { z } from "zod";
import type { AnyStage, NoInputSchema } from "./stage.ts";

/** The compiler's message for a stage that cannot stand here: which stage, why, what it needs, what it would get. */
export interface StageDoesNotFit<TStageId extends string, TReason extends string, TNeeds, TGiven> {
  readonly doesNotFit: { stage: TStageId; reason: TReason; needs: TNeeds; given: TGiven };
}

/** The compiler's message for a workflow whose last group does not give the declared output. */
export interface OutputDoesNotFit<TLastStageId extends string, TReason extends string, TNeeds, TGiven> {
  readonly doesNotFit: { lastStage: TLastStageId; reason: TReason; needs: TNeeds; given: TGiven };
}

/** The stages of a group, declared as a list or as a record. */
export type StagesOf<TGroup> = TGroup extends readonly (infer S extends AnyStage)[]
  ? S
  : TGroup extends Record<string, AnyStage>
    ? TGroup[keyof TGroup]
    : never;

/** Outputs of a parallel group by stage id, whatever the keys of its record. */
export type GroupOutputs<TGroup> = { [S in StagesOf<TGroup> as S["id"]]: z.output<S["outputSchema"]> };

/** The context a stage declared. */
export type ContextOf<S extends AnyStage> = S extends { readonly "~context"?: infer C } ? C : never;

/** Spreads an intersection out, so that messages and hovers show its fields. */
export type Flat<T> = { [K in keyof T]: T[K] };

/** The stage itself when it fits, else the message why not. */
export type Fitting<S extends AnyStage, TGiven, TAvailable> = [Misfit<S, TGiven, TAvailable>] extends [never]
  ? S
  : Misfit<S, TGiven, TAvailable>;

/** The group itself when all of its stages fit, else the messages of those that do not. */
export type FittingGroup<TGroup, TGiven, TAvailable> = [Misfit<StagesOf<TGroup>, TGiven, TAvailable>] extends [never]
  ? TGroup
  : Misfit<StagesOf<TGroup>, TGiven, TAvailable>;

type Misfit<S extends AnyStage, TGiven, TAvailable> = S extends AnyStage ? InputMisfit<S, TGiven> | ContextMisfit<S, TAvailable> : never;

type InputMisfit<S extends AnyStage, TGiven> =
  TakesNoInput<S["inputSchema"]> extends true
    ? never
    : [TGiven] extends [z.input<S["inputSchema"]>]
      ? never
      : StageDoesNotFit<S["id"], InputReason<z.input<S["inputSchema"]>, TGiven>, z.input<S["inputSchema"]>, Flat<TGiven>>;

type TakesNoInput<TInput> = [TInput, typeof NoInputSchema] extends [typeof NoInputSchema, TInput] ? true : false;

type InputReason<TNeeds, TGiven> = [WrongKeys<TNeeds, TGiven>] extends [never]
  ? "its input is not what the stage before gives"
  :
      | (MissingKeys<TNeeds, TGiven> extends infer K extends string
          ? `its input needs '${K}', which the stage before does not give`
          : never)
      | (MistypedKeys<TNeeds, TGiven> extends infer K extends string
          ? `its input needs '${K}' with another type than the stage before gives`
          : never);

type ContextMisfit<S extends AnyStage, TAvailable> =
  // A context with any key, declared or available, is checked when it runs.
  string extends keyof ContextOf<S>
    ? never
    : string extends keyof TAvailable
      ? never
      : [WrongKeys<ContextOf<S>, TAvailable>] extends [never]
        ? never
        : StageDoesNotFit<S["id"], ContextReason<ContextOf<S>, TAvailable>, ContextOf<S>, Flat<TAvailable>>;

type ContextReason<TNeeds, TAvailable> =
  | (MissingKeys<TNeeds, TAvailable> extends infer K extends string ? `it reads the output of '${K}', which is in no group before` : never)
  | (MistypedKeys<TNeeds, TAvailable> extends infer K extends string
      ? `it reads the output of '${K}' with another type than that stage gives`
      : never);

type WrongKeys<TNeeds, TGiven> = MissingKeys<TNeeds, TGiven> | MistypedKeys<TNeeds, TGiven>;

type MissingKeys<TNeeds, TGiven> = {
  [K in keyof TNeeds & string]-?: K extends keyof TGiven ? never : Record<never, never> extends Pick<TNeeds, K> ? never : K;
}[keyof TNeeds & string];

type MistypedKeys<TNeeds, TGiven> = {
  [K in keyof TNeeds & string]-?: K extends keyof TGiven ? (Pick<TGiven, K> extends Pick<TNeeds, K> ? never : K) : never;
}[keyof TNeeds & string];

/** What `build` must be called on: anything when the declared output is met, else the message why not. */
export type FittingOutput<TDeclared extends z.ZodType, TGiven, TLastStageId extends string> = [TGiven] extends [z.input<TDeclared>]
  ? unknown
  : OutputDoesNotFit<TLastStageId, "the workflow declares another output", z.input<TDeclared>, Flat<TGiven>>;
