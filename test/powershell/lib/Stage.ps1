# SPDX-License-Identifier: LGPL-2.1-or-later
# A cluster to try things on: test/console/stage, with real etcd, a real berth-api and played hosts.

$script:Root = Resolve-Path (Join-Path $PSScriptRoot '../../..')
$script:Manifest = Join-Path $script:Root 'powershell/Berth/Berth.psd1'
$script:PatienceSeconds = 60

function Start-Stage {
    param([string[]] $Arguments = @('--bare'))
    $start = [System.Diagnostics.ProcessStartInfo]::new((Join-Path $script:Root 'test/console/stage'))
    $start.RedirectStandardInput = $start.RedirectStandardOutput = $true
    '--program', '--patient' | ForEach-Object { $start.ArgumentList.Add($_) }
    $Arguments | ForEach-Object { $start.ArgumentList.Add($_) }
    $process = [System.Diagnostics.Process]::Start($start)
    $line = $process.StandardOutput.ReadLine()
    if (-not $line) {
        throw 'the stage did not begin'
    }
    $stage = $line | ConvertFrom-Json
    $stage | Add-Member -NotePropertyName Process -NotePropertyValue $process
    $stage
}

function Stop-Stage {
    param($Stage)
    $Stage.Process.StandardInput.Close()
    if (-not $Stage.Process.WaitForExit($script:PatienceSeconds * 1000)) {
        $Stage.Process.Kill($true)
    }
}

# Tells the stage to do something; what it answers.
function Invoke-Stage {
    param($Stage, [string] $Line)
    $Stage.Process.StandardInput.WriteLine($Line)
    $Stage.Process.StandardInput.Flush()
    for (; ;) {
        $answer = $Stage.Process.StandardOutput.ReadLine()
        if ($answer -eq 'ok') { return }
        if ($null -eq $answer -or $answer.StartsWith('error: ')) { throw "$Line`: $answer" }
        $answer
    }
}

# Until 'Condition' is true; 'What' is what the failure says.
function Wait-Until {
    param([string] $What, [scriptblock] $Condition)
    $clock = [System.Diagnostics.Stopwatch]::StartNew()
    while (-not (& $Condition)) {
        if ($clock.Elapsed.TotalSeconds -gt $script:PatienceSeconds) {
            throw "not within $($script:PatienceSeconds) s: $What"
        }
        Start-Sleep -Milliseconds 100
    }
}

# A file with domain XML of a VM.
function New-Domain {
    param($Stage, [string] $Name)
    $path = Join-Path $Stage.directory "$Name.xml"
    Set-Content -LiteralPath $path ("<domain type='kvm'><name>$Name</name><memory unit='GiB'>16</memory><vcpu>8</vcpu>" +
        "<os><type machine='q35'>hvm</type></os></domain>")
    $path
}

# The configuration of the cluster as text: what must not change when nothing is to be changed.
function Get-Configuration {
    param($Stage)
    (Invoke-Stage $Stage 'berth cluster export -') -join "`n"
}
