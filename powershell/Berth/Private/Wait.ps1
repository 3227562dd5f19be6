# SPDX-License-Identifier: LGPL-2.1-or-later
# Waiting for what was ordered: the cluster carries it out, and goes on when nobody waits any longer.

$script:PollMilliseconds = 250
$script:WaitSeconds = 300
# A VM may be seen waiting for a moment before the coordinator has looked at its order.
$script:WaitingMeansItSeconds = 3

# Until 'Look' returns something true, at most 'Seconds'; whether it did. 'Look' returns nothing to go on, and may set
# $status in its 'State' for the progress bar.
function Wait-BerthCondition {
    param([string] $Activity, [int] $Seconds, [scriptblock] $Look, [hashtable] $State)
    $clock = [System.Diagnostics.Stopwatch]::StartNew()
    try {
        for (; ;) {
            if (& $Look $State) {
                return $true
            }
            if ($clock.Elapsed.TotalSeconds -ge $Seconds) {
                return $false
            }
            $status = if ($State.Status) { $State.Status } else { 'ordered' }
            Write-Progress -Activity $Activity -Status "$status ($([int] $clock.Elapsed.TotalSeconds) s)" `
                -SecondsRemaining -1
            Start-Sleep -Milliseconds $script:PollMilliseconds
        }
    } finally {
        Write-Progress -Activity $Activity -Completed
    }
}

function Join-BerthReason {
    param([object[]] $Reasons)
    ($Reasons | Where-Object { $_.text } | ForEach-Object { "$($_.subject): $($_.text)".TrimStart(':', ' ') }) -join '; '
}

<#
 Until the operation of 'Answer' (of a start, stop, move or drain) has ended. Throws an error record if it failed, or
 waits for something that may not come; an answer without an operation has nothing to wait for.
#>
function Wait-BerthOperation {
    param($Command, $Connection, $Answer, [string] $Activity, [int] $Seconds = $script:WaitSeconds)
    if (-not $Answer.operation.id -or $Seconds -eq 0) {
        return
    }
    $path = Format-BerthPath 'v1/operations/{0}' $Answer.operation.id
    $state = @{ Path = $path; Connection = $Connection; Waiting = [System.Diagnostics.Stopwatch]::new() }
    $isOver = Wait-BerthCondition $Activity $Seconds -State $state -Look {
        param($State)
        $now = Invoke-BerthRest $State.Connection GET $State.Path
        $State.Operation = $now
        $State.Status = if ($now.detail) { $now.detail } else { $now.state }
        if ($now.state -eq 'waiting') { $State.Waiting.Start() } else { $State.Waiting.Reset() }
        $now.state -in 'done', 'failed', 'superseded' -or
        $State.Waiting.Elapsed.TotalSeconds -ge $script:WaitingMeansItSeconds
    }
    $operation = $state.Operation
    $why = (@($operation.detail, (Join-BerthReason $operation.reasons)) | Where-Object { $_ }) -join ': '
    if (-not $isOver) {
        $Command.WriteWarning("${Activity}: not done within $Seconds s ($why). It goes on by itself.")
    } elseif ($operation.state -eq 'failed') {
        throw (New-BerthError 'operation-failed' "$Activity failed: $why" 'OperationStopped' $operation.subject `
                "Get-BerthEvent -Subject $($operation.subject) shows what happened." $operation.reasons)
    } elseif ($operation.state -eq 'waiting') {
        throw (New-BerthError 'operation-waiting' "$Activity waits: $why. It goes on by itself as soon as it can." `
                'ResourceUnavailable' $operation.subject "Get-BerthPlacement -VMName VM shows what each host lacks." $operation.reasons)
    } elseif ($operation.state -eq 'superseded') {
        $Command.WriteWarning("${Activity}: something else was ordered since. $why")
    }
}

# Until the GPU is in one of 'States', or in none of 'Leaving'.
function Wait-BerthDevice {
    param($Command, $Connection, [string] $Node, [string] $Address, [string[]] $Leaving, [string] $Activity,
        [int] $Seconds = $script:WaitSeconds)
    $path = Format-BerthPath 'v1/nodes/{0}/gpus/{1}' $Node, $Address
    $state = @{ Connection = $Connection; Path = $path; Leaving = $Leaving }
    $isOver = Wait-BerthCondition $Activity $Seconds -State $state -Look {
        param($State)
        $State.Gpu = Invoke-BerthRest $State.Connection GET $State.Path
        $State.Status = $State.Gpu.state
        $State.Gpu.state -notin $State.Leaving
    }
    if (-not $isOver) {
        $Command.WriteWarning("${Activity}: not done within $Seconds s (the GPU is $($state.Gpu.state)). It goes on by itself.")
    }
    $state.Gpu
}
