// SPDX-License-Identifier: LGPL-2.1-or-later
// A host without a person in front of it: keeps what is said, and answers what is asked from a queue.
using System.Collections.ObjectModel;
using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Host;
using System.Security;

public sealed class Record
{
    public List<string> Lines { get; } = [];
    public List<string> Questions { get; } = [];
    public List<string> Progress { get; } = [];
    public Queue<int> Answers { get; } = new();
}

public sealed class Recorder : PSHost
{
    private readonly Record record = new();
    private readonly Guid id = Guid.NewGuid();
    private readonly RecorderInterface ui;

    public Recorder() => ui = new RecorderInterface(record);

    public int ExitCode { get; private set; }
    public override string Name => "Berth's test host";
    public override Version Version => new(1, 0);
    public override Guid InstanceId => id;
    public override PSHostUserInterface UI => ui;
    public override CultureInfo CurrentCulture => CultureInfo.InvariantCulture;
    public override CultureInfo CurrentUICulture => CultureInfo.InvariantCulture;
    public override PSObject PrivateData => new(record);
    public override void SetShouldExit(int exitCode) => ExitCode = exitCode;
    public override void EnterNestedPrompt() => throw new NotSupportedException();
    public override void ExitNestedPrompt() => throw new NotSupportedException();
    public override void NotifyBeginApplication() { }
    public override void NotifyEndApplication() { }
}

public sealed class RecorderInterface(Record record) : PSHostUserInterface
{
    public override PSHostRawUserInterface? RawUI => null;

    private void Say(string text)
    {
        lock (record)
        {
            record.Lines.Add(text);
        }
    }

    public override void Write(string value) => Say(value);
    public override void Write(ConsoleColor foreground, ConsoleColor background, string value) => Say(value);
    public override void WriteLine(string value) => Say(value);
    public override void WriteErrorLine(string value) => Say(value);
    public override void WriteDebugLine(string message) => Say(message);
    public override void WriteVerboseLine(string message) => Say(message);
    public override void WriteWarningLine(string message) => Say(message);

    public override void WriteProgress(long sourceId, ProgressRecord progress)
    {
        lock (record)
        {
            record.Progress.Add($"{progress.Activity}: {progress.StatusDescription}");
        }
    }

    public override int PromptForChoice(string caption, string message, Collection<ChoiceDescription> choices, int defaultChoice)
    {
        record.Questions.Add($"{caption}: {message}");
        return record.Answers.Count > 0
            ? record.Answers.Dequeue()
            : throw new InvalidOperationException($"nobody answers: {caption}: {message}");
    }

    public override string ReadLine() => throw new InvalidOperationException("nobody types");
    public override SecureString ReadLineAsSecureString() => throw new InvalidOperationException("nobody types");

    public override Dictionary<string, PSObject> Prompt(string caption, string message, Collection<FieldDescription> descriptions) =>
        throw new InvalidOperationException($"nobody answers: {caption}: {message} {string.Join(", ", descriptions.Select(d => d.Name))}");

    public override PSCredential PromptForCredential(string caption, string message, string userName, string targetName) =>
        throw new InvalidOperationException($"nobody answers: {caption}: {message}");

    public override PSCredential PromptForCredential(string caption, string message, string userName, string targetName,
        PSCredentialTypes allowedCredentialTypes, PSCredentialUIOptions options) =>
        throw new InvalidOperationException($"nobody answers: {caption}: {message}");
}
