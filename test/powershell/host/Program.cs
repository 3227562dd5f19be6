// SPDX-License-Identifier: LGPL-2.1-or-later
// Runs a script in PowerShell's engine: its output goes to standard output line by line, and what it would show or ask
// a person is kept in $Host.PrivateData, where tests look at it.
using System.Management.Automation;
using System.Management.Automation.Runspaces;

if (args.Length == 0)
{
    Console.Error.WriteLine("usage: host SCRIPT [ARGUMENT...]");
    return 2;
}
var recorder = new Recorder();
using var runspace = RunspaceFactory.CreateRunspace(recorder, InitialSessionState.CreateDefault());
runspace.Open();
Runspace.DefaultRunspace = runspace;
using var shell = PowerShell.Create(runspace);
shell.AddCommand(Path.GetFullPath(args[0]));
foreach (var argument in args[1..])
{
    shell.AddArgument(argument);
}
var output = new PSDataCollection<PSObject>();
output.DataAdded += (_, e) => Console.Out.WriteLine(output[e.Index]?.ToString());
try
{
    shell.Invoke(null, output);
}
catch (RuntimeException problem)
{
    Tell(problem.ErrorRecord);
    return 1;
}
foreach (var problem in shell.Streams.Error)
{
    Tell(problem);
}
return shell.HadErrors || recorder.ExitCode != 0 ? 1 : 0;

static void Tell(ErrorRecord problem)
{
    Console.Error.WriteLine($"{problem}\n{problem.InvocationInfo?.PositionMessage}\n{problem.ScriptStackTrace}");
}
