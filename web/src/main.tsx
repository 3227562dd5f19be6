// SPDX-License-Identifier: LGPL-2.1-or-later
import '@patternfly/patternfly/base/patternfly-variables.css';
import '@patternfly/patternfly/base/patternfly-common.css';
import '@patternfly/patternfly/components/Alert/alert.css';
import '@patternfly/patternfly/components/Button/button.css';
import '@patternfly/patternfly/components/Card/card.css';
import '@patternfly/patternfly/components/Check/check.css';
import '@patternfly/patternfly/components/DescriptionList/description-list.css';
import '@patternfly/patternfly/components/Form/form.css';
import '@patternfly/patternfly/components/FormControl/form-control.css';
import '@patternfly/patternfly/components/HelperText/helper-text.css';
import '@patternfly/patternfly/components/Label/label.css';
import '@patternfly/patternfly/components/ModalBox/modal-box.css';
import '@patternfly/patternfly/components/Nav/nav.css';
import '@patternfly/patternfly/components/Table/table.css';
import '@patternfly/patternfly/components/Title/title.css';
import '@xterm/xterm/css/xterm.css';
import './style/frame.css';
import './style/parts.css';
import './style/map.css';
import './style/object.css';
import './style/stacked.css';
import { render } from 'preact';
import { App } from './app';
import { applyTheme } from './theme';

applyTheme();
const root = document.getElementById('app');
if (root) {
    root.replaceChildren();
    render(<App />, root);
}
