// SPDX-License-Identifier: LGPL-2.1-or-later
/* Fields of forms: a label, the control, help, and what is wrong with it. */
import type { ComponentChildren, JSX } from 'preact';
import { Icon } from './icon';
import { useOwnId } from './id';

type Common = { label: string; help?: string; fault?: string; isRequired?: boolean };

type Wiring = { id: string; 'aria-describedby'?: string; 'aria-invalid'?: 'true'; 'aria-required'?: 'true' };

function Field({ label, help, fault, isRequired, children }: Common & { children: (wiring: Wiring) => ComponentChildren }) {
    const id = useOwnId();
    const text = fault || help;
    const wiring: Wiring = { id };
    if (text) {
        wiring['aria-describedby'] = `${id}-text`;
    }
    if (fault) {
        wiring['aria-invalid'] = 'true';
    }
    if (isRequired) {
        wiring['aria-required'] = 'true';
    }
    return (
        <div class="pf-v6-c-form__group">
            <div class="pf-v6-c-form__group-label">
                <label class={`pf-v6-c-form__label${isRequired ? ' is-required' : ''}`} for={id}>
                    <span class="pf-v6-c-form__label-text">{label}</span>
                </label>
            </div>
            <div class="pf-v6-c-form__group-control">
                {children(wiring)}
                {text && (
                    <div class="pf-v6-c-form__helper-text" id={`${id}-text`} {...(fault ? { 'aria-live': 'polite' } : {})}>
                        <div class="pf-v6-c-helper-text">
                            <div class={`pf-v6-c-helper-text__item${fault ? ' pf-m-error' : ''}`}>
                                <span class="pf-v6-c-helper-text__item-text">{text}</span>
                            </div>
                        </div>
                    </div>
                )}
            </div>
        </div>
    );
}

type TextProps = Common & { value: string; onChange: (value: string) => void } & Pick<JSX.IntrinsicElements['input'],
    'type' | 'autocomplete' | 'inputMode' | 'list'>;

export function TextField({ label, help, fault, isRequired, value, onChange, type = 'text', ...rest }: TextProps) {
    return (
        <Field {...common({ label, help, fault, isRequired })}>
            {(wiring) => (
                <span class={`pf-v6-c-form-control${fault ? ' pf-m-error' : ''}`}>
                    <input type={type} value={value} spellcheck={false} {...wiring} {...rest}
                        onInput={(event) => onChange(event.currentTarget.value)} />
                </span>
            )}
        </Field>
    );
}

export function TextArea({ label, help, fault, isRequired, value, onChange, rows = 10 }: Common & {
    value: string; onChange: (value: string) => void; rows?: number;
}) {
    return (
        <Field {...common({ label, help, fault, isRequired })}>
            {(wiring) => (
                <span class={`pf-v6-c-form-control pf-m-textarea${fault ? ' pf-m-error' : ''}`}>
                    <textarea class="code" rows={rows} value={value} spellcheck={false} {...wiring}
                        onInput={(event) => onChange(event.currentTarget.value)} />
                </span>
            )}
        </Field>
    );
}

export type Choice = [value: string, text: string];

export function SelectField({ label, help, fault, isRequired, value, onChange, choices }: Common & {
    value: string; onChange: (value: string) => void; choices: Choice[];
}) {
    return (
        <Field {...common({ label, help, fault, isRequired })}>
            {(wiring) => (
                <span class={`pf-v6-c-form-control${fault ? ' pf-m-error' : ''}`}>
                    <select {...wiring} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
                        {choices.map(([key, text]) => <option key={key} value={key} selected={key === value}>{text}</option>)}
                    </select>
                    <span class="select-mark"><Icon sign="chevron" /></span>
                </span>
            )}
        </Field>
    );
}

export function CheckField({ label, help, isChecked, onChange, isDisabled }: {
    label: ComponentChildren; help?: string; isChecked: boolean; onChange: (value: boolean) => void; isDisabled?: boolean;
}) {
    const id = useOwnId();
    return (
        <div class="pf-v6-c-check">
            <input class="pf-v6-c-check__input" type="checkbox" id={id} checked={isChecked} disabled={isDisabled}
                {...(help ? { 'aria-describedby': `${id}-text` } : {})}
                onChange={(event) => onChange(event.currentTarget.checked)} />
            <label class={`pf-v6-c-check__label${isDisabled ? ' pf-m-disabled' : ''}`} for={id}>{label}</label>
            {help && <span class="pf-v6-c-check__description" id={`${id}-text`}>{help}</span>}
        </div>
    );
}

const optionsMax = 200;

/* One of many names: a list to choose from, or beyond some hundred a field that proposes as one types. */
export function NameField(props: Common & { value: string; onChange: (value: string) => void; choices: Choice[] }) {
    const id = useOwnId();
    const { choices, value, onChange, ...rest } = props;
    if (choices.length <= optionsMax) {
        return <SelectField {...props} />;
    }
    const close = choices.filter(([key]) => key.toLowerCase().includes(value.toLowerCase())).slice(0, 50);
    return (
        <>
            <TextField {...rest} value={value} onChange={onChange} autocomplete="off" list={id} />
            <datalist id={id}>{close.map(([key, text]) => <option key={key} value={key}>{text}</option>)}</datalist>
        </>
    );
}

/* Several of a list, as check boxes. */
export function ChoicesField({ label, help, fault, chosen, onChange, choices, none }: Omit<Common, 'isRequired'> & {
    chosen: string[]; onChange: (chosen: string[]) => void; choices: [value: string, text: ComponentChildren][]; none?: string;
}) {
    const id = useOwnId();
    const toggle = (value: string, isOn: boolean) =>
        onChange(isOn ? [...chosen, value] : chosen.filter((each) => each !== value));
    const text = fault || help;
    return (
        <fieldset class="pf-v6-c-form__group choices" {...(text ? { 'aria-describedby': `${id}-text` } : {})}
            {...(fault ? { 'aria-invalid': 'true', tabIndex: -1 } : {})}>
            <legend class="pf-v6-c-form__label"><span class="pf-v6-c-form__label-text">{label}</span></legend>
            <div class="choices__list">
                {choices.map(([value, name]) => (
                    <CheckField key={value} label={name} isChecked={chosen.includes(value)} onChange={(isOn) => toggle(value, isOn)} />
                ))}
                {choices.length === 0 && none && <p class="quiet">{none}</p>}
            </div>
            {text && <p id={`${id}-text`} class={fault ? 'fault' : 'quiet'}>{text}</p>}
        </fieldset>
    );
}

/* With exactOptionalPropertyTypes what is undefined must not be there. */
function common(props: { label: string; help: string | undefined; fault: string | undefined; isRequired: boolean | undefined }): Common {
    return Object.fromEntries(Object.entries(props).filter(([, value]) => value !== undefined)) as Common;
}
