# SPDX-License-Identifier: LGPL-2.1-or-later
# What is wrong, only tried, or not confirmed changes nothing; how each cmdlet says what is wrong.
param([Parameter(ValueFromRemainingArguments)] [string[]] $Words)
. $PSScriptRoot/lib/Tap.ps1
. $PSScriptRoot/lib/Stage.ps1

# A cluster in the middle of its life, whose coordinator has nothing left to do.
$stage = Start-Stage @()
$gpu = 'node1/0000:41:00.0' # in the pool, held by a VM or not
$odd = 'node1/0000:c1:00.0' # its host's
$nobody = [guid]::NewGuid()

# Command line, ID and category of its one error, and whether that ends the command.
$mistakes = @(
    , @({ Get-VM nobody }, 'no-such-vm', 'ObjectNotFound')
    , @({ Get-VM -Id $nobody }, 'no-such-vm', 'ObjectNotFound')
    , @({ Get-VM -ComputerName nowhere }, 'no-such-node', 'ObjectNotFound')
    , @({ Get-VM -Session nowhere }, 'BerthNotConnected', 'ObjectNotFound', $true)
    , @({ Get-ClusterNode -Cluster nowhere }, 'BerthNotConnected', 'ObjectNotFound', $true)
    , @({ Set-VM nobody -HighMemoryMappedIoSpace 1GB }, 'no-such-vm', 'ObjectNotFound')
    , @({ Set-VM train1 -HighMemoryMappedIoSpace x }, 'ParameterArgumentTransformationError', '', $true)
    , @({ Set-VM train1 -AutomaticStopAction Sleep }, 'ParameterArgumentValidationError', '', $true)
    , @({ Set-VM train1 -NoSuchThing 1 }, 'NamedParameterNotFound', '', $true)
    , @({ Start-VM nobody }, 'no-such-vm', 'ObjectNotFound')
    , @({ Start-VM -VM spare1 }, 'MismatchedPSTypeName', '', $true)
    , @({ Stop-VM nobody -TurnOff }, 'no-such-vm', 'ObjectNotFound')
    , @({ Stop-VM train1 -Save }, 'cannot-save', 'NotImplemented', $true)
    , @({ New-VMResourcePool 'no name' PciExpress }, 'bad-request', 'InvalidArgument')
    , @({ New-VMResourcePool GpuChildPool GpuPartition }, 'exists', 'ResourceExists')
    , @({ New-VMResourcePool Other PciExpress -ComputerName nowhere }, 'no-such-node', 'ObjectNotFound')
    , @({ New-VMResourcePool Other Rubber }, 'ParameterArgumentValidationError', '', $true)
    , @({ Get-VMResourcePool nothing }, 'no-such-pool', 'ObjectNotFound')
    , @({ Remove-VMResourcePool nothing PciExpress }, 'no-such-pool', 'ObjectNotFound')
    , @({ Remove-VMResourcePool GpuChildPool PciExpress }, 'in-use', 'InvalidOperation')
    , @({ Remove-VMResourcePool GpuChildPool GpuPartition }, 'no-such-pool', 'ObjectNotFound')
    , @({ Rename-VMResourcePool nothing PciExpress New }, 'no-such-pool', 'ObjectNotFound')
    , @({ Rename-VMResourcePool GpuChildPool PciExpress New }, 'in-use', 'ResourceBusy')
    , @({ Rename-VMResourcePool GpuChildPool GpuPartition New }, 'no-such-pool', 'ObjectNotFound')
    , @({ Get-VMHostAssignableDevice -LocationPath nowhere }, 'no-such-gpu', 'ObjectNotFound')
    , @({ Get-VMHostAssignableDevice -ResourcePoolName nothing }, 'no-such-pool', 'ObjectNotFound')
    , @({ Dismount-VMHostAssignableDevice -LocationPath node1/0000:99:00.0 -Force }, 'no-such-gpu', 'ObjectNotFound')
    , @({ Dismount-VMHostAssignableDevice -LocationPath 41:00.0 -Force }, 'AmbiguousDevice', 'InvalidArgument')
    , @({ Dismount-VMHostAssignableDevice -LocationPath nowhere/0000:41:00.0 -Force }, 'no-such-node', 'ObjectNotFound')
    , @({ Dismount-VMHostAssignableDevice -LocationPath node2/0000:c1:00.0 -Force }, 'shared-group', 'InvalidOperation')
    , @({ Dismount-VMHostAssignableDevice -Force }, 'NoDevice', 'InvalidArgument', $true)
    , @({ Mount-VMHostAssignableDevice -LocationPath $gpu }, 'in-pool', 'InvalidOperation')
    , @({ Mount-VMHostAssignableDevice }, 'NoDevice', 'InvalidArgument', $true)
    , @({ Add-VMHostAssignableDevice -LocationPath $odd -ResourcePoolName GpuChildPool }, 'cannot-join', 'InvalidOperation')
    , @({ Add-VMHostAssignableDevice -LocationPath $gpu -ResourcePoolName nothing }, 'no-such-pool', 'ObjectNotFound')
    , @({ Add-VMHostAssignableDevice -HostAssignableDevice $null -ResourcePoolName GpuChildPool }, 'ParameterArgumentValidationError', '', $true)
    , @({ Remove-VMHostAssignableDevice -LocationPath $odd -ResourcePoolName GpuChildPool }, 'no-such-member', 'ObjectNotFound')
    , @({ Remove-VMHostAssignableDevice -LocationPath $odd }, 'no-such-member', 'ObjectNotFound')
    , @({ Add-VMAssignableDevice -VMName nobody -ResourcePoolName GpuChildPool }, 'no-such-vm', 'ObjectNotFound')
    , @({ Add-VMAssignableDevice -VMName spare1 -ResourcePoolName nothing }, 'no-such-pool', 'ObjectNotFound')
    , @({ Add-VMAssignableDevice -VMName train1 -ResourcePoolName GpuChildPool }, 'not-stopped', 'InvalidOperation')
    , @({ Add-VMAssignableDevice -VMName spare1 -LocationPath $gpu }, 'NoPool', 'InvalidArgument', $true)
    , @({ Get-VMAssignableDevice nobody }, 'no-such-vm', 'ObjectNotFound')
    , @({ Remove-VMAssignableDevice -VMName spare1 -ResourcePoolName GpuChildPool }, 'not-assigned', 'InvalidOperation')
    , @({ Remove-VMAssignableDevice -VMName spare1 }, 'not-assigned', 'ObjectNotFound')
    , @({ Get-ClusterResource nobody }, 'no-such-vm', 'ObjectNotFound')
    , @({ Get-ClusterResource train1 | Get-ClusterParameter Colour }, 'no-such-parameter', 'ObjectNotFound')
    , @({ Get-ClusterResource train1 | Set-ClusterParameter Colour 3 }, 'bad-parameter', 'InvalidArgument', $true)
    , @({ Get-ClusterResource train1 | Set-ClusterParameter OfflineAction 4 }, 'bad-parameter', 'InvalidArgument', $true)
    , @({ Get-ClusterResource train1 | Set-ClusterParameter OfflineAction -1 }, 'bad-parameter', 'InvalidArgument', $true)
    , @({ Get-ClusterResource train1 | Set-ClusterParameter OfflineAction 1 }, 'cannot-save', 'InvalidOperation')
    , @({ Add-ClusterVirtualMachineRole -VMName nobody }, 'no-such-vm', 'ObjectNotFound')
    , @({ Add-ClusterVirtualMachineRole -DomainXmlPath /nowhere.xml }, 'PathNotFound', 'ObjectNotFound')
    , @({ Get-ClusterGroup nobody }, 'no-such-vm', 'ObjectNotFound')
    , @({ Start-ClusterGroup nobody }, 'no-such-vm', 'ObjectNotFound')
    , @({ Start-ClusterGroup }, 'NoGroup', 'InvalidArgument', $true)
    , @({ Stop-ClusterGroup nobody }, 'no-such-vm', 'ObjectNotFound')
    , @({ Move-ClusterVirtualMachineRole train1 -Node nowhere }, 'no-such-node', 'ObjectNotFound')
    , @({ Move-ClusterVirtualMachineRole train1 (Get-VM train1).ComputerName }, 'there-already', 'InvalidOperation')
    , @({ Move-ClusterVirtualMachineRole spare1 }, 'not-running', 'InvalidOperation')
    , @({ Move-ClusterVirtualMachineRole train1 -MigrationType Live }, 'cannot-migrate', 'InvalidArgument', $true)
    , @({ Move-ClusterVirtualMachineRole train1 -Cancel }, 'NotCancelled', 'NotImplemented', $true)
    , @({ Get-ClusterNode nowhere }, 'no-such-node', 'ObjectNotFound')
    , @({ Suspend-ClusterNode nowhere -Drain }, 'no-such-node', 'ObjectNotFound')
    , @({ Suspend-ClusterNode -Drain }, 'NoNode', 'InvalidArgument', $true)
    , @({ Resume-ClusterNode nowhere }, 'no-such-node', 'ObjectNotFound')
    , @({ Resume-ClusterNode node1 -Failback Sometimes }, 'ParameterArgumentValidationError', '', $true)
    , @({ Test-Cluster -Include Weather }, 'no-such-group', 'ObjectNotFound')
    , @({ Test-Cluster -Node nowhere }, 'no-such-node', 'ObjectNotFound')
    , @({ Test-Cluster -ReportName /nowhere/at/all }, '', 'ObjectNotFound')
    , @({ Get-VMHostPartitionableGpu nowhere }, 'no-such-gpu', 'ObjectNotFound')
    , @({ Set-VMHostPartitionableGpu -Name $gpu }, 'NoCount', 'InvalidArgument', $true)
    , @({ Set-VMHostPartitionableGpu -Name $gpu -PartitionCount 33 }, 'bad-count', 'InvalidOperation')
    , @({ Set-VMHostPartitionableGpu -Name $gpu -PartitionCount 4 }, 'in-pool', 'InvalidOperation')
    , @({ Add-VMGpuPartitionAdapter -VMName spare1 }, 'no-gpu', 'ObjectNotFound')
    , @({ Add-VMGpuPartitionAdapter -VMName spare1 -ResourcePoolName GpuChildPool }, 'no-such-pool', 'ObjectNotFound')
    , @({ Get-VMGpuPartitionAdapter nobody }, 'no-such-vm', 'ObjectNotFound')
    , @({ Remove-VMGpuPartitionAdapter -VMName spare1 }, 'not-assigned', 'ObjectNotFound')
    , @({ Get-PnpDevice -InstanceId nothing }, 'no-such-gpu', 'ObjectNotFound')
    , @({ Get-PnpDeviceProperty -InstanceId nothing }, 'no-such-gpu', 'ObjectNotFound')
    , @({ (Get-PnpDevice)[0] | Get-PnpDeviceProperty DEVPKEY_Nothing }, 'no-such-key', 'ObjectNotFound')
    , @({ Disable-PnpDevice -InstanceId nothing }, 'no-such-gpu', 'ObjectNotFound')
    , @({ Enable-PnpDevice -InstanceId nothing }, 'no-such-gpu', 'ObjectNotFound')
    , @({ Get-BerthPlacement nobody }, 'no-such-vm', 'ObjectNotFound')
    , @({ Test-BerthHostLoss nowhere }, 'no-such-node', 'ObjectNotFound')
    , @({ Get-BerthProblem -Severity Odd }, 'ParameterArgumentValidationError', '', $true)
    , @({ Get-BerthEvent -Newest 0 }, 'ParameterArgumentValidationError', '', $true)
    , @({ Get-Cluster -Session nowhere }, 'BerthNotConnected', 'ObjectNotFound', $true)
    , @({ Connect-Berth ftp://node1 }, 'BadConnection', 'InvalidArgument', $true)
    , @({ Disconnect-Berth nowhere }, 'BerthNotConnected', 'ObjectNotFound')
)
# Each with -WhatIf.
$changes = @(
    { Set-VM train1 -HighMemoryMappedIoSpace 1TB }, { Start-VM spare1 }, { Stop-VM train1 -TurnOff -Force }
    { New-VMResourcePool Other PciExpress }, { Remove-VMResourcePool GpuChildPool PciExpress }, { Remove-VMResourcePool Spare PciExpress }
    { Rename-VMResourcePool Spare PciExpress Other }, { Dismount-VMHostAssignableDevice -LocationPath $odd -Force }
    { Mount-VMHostAssignableDevice -LocationPath $gpu }
    { Get-VMHostAssignableDevice | Add-VMHostAssignableDevice -ResourcePoolName Spare }
    { Get-VMHostAssignableDevice | Remove-VMHostAssignableDevice -ResourcePoolName GpuChildPool -Force }
    { Add-VMAssignableDevice -VMName spare1 -ResourcePoolName GpuChildPool }, { Remove-VMAssignableDevice -VMName train1 }
    { Get-ClusterResource train1 | Set-ClusterParameter OfflineAction 2 }
    { Add-ClusterVirtualMachineRole -DomainXmlPath (New-Domain $stage new1) }
    { Start-ClusterGroup spare1 }, { Stop-ClusterGroup train1 }, { Move-ClusterVirtualMachineRole train1 }
    { Suspend-ClusterNode node1 }, { Suspend-ClusterNode node1 -Drain }, { Resume-ClusterNode node1 }
    { Test-Cluster -ReportName (Join-Path $stage.directory tried) }, { Set-VMHostPartitionableGpu -Name $gpu -PartitionCount 0 }
    { Set-VMHostPartitionableGpu -Name $gpu -PartitionCount 2 }, { Disable-PnpDevice -InstanceId (Get-PnpDevice)[0].InstanceId }
    { Enable-PnpDevice -InstanceId (Get-PnpDevice)[0].InstanceId }, { Remove-VMGpuPartitionAdapter -VMName spare1 -AdapterId 'spare1\GpuChildPool\0' }
)

# The configuration as the API has it, quicker than by the command line.
function Get-Export {
    & (Get-Module Berth) { (Invoke-BerthRest (Get-BerthDefaultConnection) GET v1/cluster/export).configuration | ConvertTo-Json -Depth 20 }
}

function Get-Called {
    param([scriptblock] $Body)
    $Body.Ast.FindAll({ $args[0] -is [System.Management.Automation.Language.CommandAst] }, $true) | ForEach-Object { $_.GetCommandName() }
}

try {
    Import-Module $script:Manifest -ErrorAction Stop
    [void] (Connect-Berth -SocketPath $stage.socket)
    [void] (New-VMResourcePool Spare PciExpress)
    Wait-Until 'train1 runs' { (Get-VM train1).State -eq 'Running' }
    $before = Get-Configuration $stage
    $export = Get-Export

    Test 'wrong input to each cmdlet is one error with ID, category, target and advice, and changes nothing' {
        $bad = foreach ($mistake in $mistakes) {
            $body, $id, $category, $ends = $mistake
            try {
                $record = MustFail $body $id $category -Terminating:([bool] $ends)
                if ($id -notlike 'Parameter*' -and $id -notlike 'Named*' -and $id -notlike 'Path*' -and $id -notlike 'Mismatched*' -and $id -and
                    -not $record.ErrorDetails.RecommendedAction) { "$body has no recommended action" }
                if ((Get-Export) -cne $export) { "$body changed something" }
            } catch {
                "$body`: $_"
            }
        }
        Must (-not $bad) ($bad -join "`n")
        MustBe (Get-Configuration $stage) $before 'the configuration'
    }

    Test 'each cmdlet has a mistake in that list' {
        $tried = @($mistakes | ForEach-Object { Get-Called $_[0] })
        $missing = @((Get-Command -Module Berth).Name | Where-Object { $_ -notin $tried -and $_ -ne 'Get-BerthSession' })
        Must (-not $missing) "$missing"
    }

    Test 'with -WhatIf nothing changes, nothing is asked, and what would be done is said' {
        $bad = foreach ($change in $changes) {
            $seen = Watch ([scriptblock]::Create("$change -WhatIf"))
            if ($seen.Errors) { "$change`: $($seen.Errors)" }
            if (-not ($seen.Lines -match '^What if: ')) { "$change says nothing" }
            if ($seen.Questions) { "$change asks: $($seen.Questions)" }
            if ((Get-Export) -cne $export) { "$change changed something" }
        }
        Must (-not $bad) ($bad -join "`n")
    }

    Test 'each cmdlet with -WhatIf is in that list' {
        $tried = @($changes | ForEach-Object { Get-Called $_ })
        $missing = @(Get-Command -Module Berth | Where-Object { $_.Parameters.ContainsKey('WhatIf') -and $_.Name -notin $tried })
        $missing = @($missing.Name | Where-Object { $_ -ne 'Add-VMGpuPartitionAdapter' }) # needs a divided GPU: procedures.ps1
        Must (-not $missing) "$missing"
    }

    Test 'a script that sets $WhatIfPreference is heard' {
        $seen = Watch { $WhatIfPreference = $true; Stop-VM train1 -TurnOff; Suspend-ClusterNode node1 -Drain }
        MustBe $seen.Errors.Count 0
        MustBe (Get-Configuration $stage) $before 'the configuration'
    }

    Test '-Confirm asks, and no means no' {
        foreach ($body in { Stop-VM train1 -Confirm }, { Suspend-ClusterNode node1 -Drain -Confirm }, { Remove-VMResourcePool Spare -Confirm }) {
            $Host.PrivateData.Answers.Enqueue(2) # yes, yes to all, no
            $seen = Watch $body
            MustBe $seen.Questions.Count 1 "the questions of $body"
            MustBe $seen.Errors.Count 0
        }
        Must ("$((Watch { $Host.PrivateData.Answers.Enqueue(2); Suspend-ClusterNode (Get-VM train1).ComputerName -Drain -Confirm }).Questions)" -match 'train1') 'the question about a drain does not show what moves'
        MustBe (Get-Configuration $stage) $before 'the configuration'
    }

    Test 'a dismount asks by itself, and -Force answers' {
        $Host.PrivateData.Answers.Enqueue(2)
        $seen = Watch { Dismount-VMHostAssignableDevice -LocationPath $odd }
        MustBe $seen.Questions.Count 1 'questions'
        MustBe (Get-Configuration $stage) $before 'the configuration'
    }

    Test 'what means nothing here warns with the reason and changes nothing' {
        $cases = @(
            { Set-VM train1 -LowMemoryMappedIoSpace 3GB }, { Set-VM train1 -AutomaticStopAction Save }
            { Set-VM train1 -GuestControlledCacheTypes $false }, { Set-VM train1 -ProcessorCount 4 }, { Set-VM train1 -DynamicMemory }
            { Set-VM train1 -CheckpointType Standard }, { Get-VM train1 -CimSession x }, { New-VMResourcePool Other Memory }
            { New-VMResourcePool Spare PciExpress -ParentName x }, { Get-ClusterResource train1 | Set-ClusterParameter ShutdownAction 1 }
            { Test-Cluster -List -Disk x }, { Set-VM train1 -HighMemoryMappedIoSpace 1GB }
            { Get-VM train1 -Credential ([pscredential]::new('x', (ConvertTo-SecureString y -AsPlainText -Force))) }
            { Suspend-ClusterNode node1 -Drain -TargetNode node2 -WhatIf }, { Add-ClusterVirtualMachineRole train1 -Name x }
            { Move-ClusterVirtualMachineRole train1 -MigrationType TurnOff -WhatIf }
        )
        $bad = foreach ($case in $cases) {
            $seen = Watch $case
            if ($seen.Errors) { "$case`: $($seen.Errors)" }
            if ($seen.Warnings.Count -ne 1 -or $seen.Warnings[0] -notmatch 'changes nothing here: .{10}') { "$case`: $($seen.Warnings)" }
        }
        Must (-not $bad) ($bad -join "`n")
        MustBe (Get-Configuration $stage) $before 'the configuration'
    }

    Test 'after an error that concerns one object a command goes on, unless -ErrorAction says otherwise' {
        $seen = Watch { Get-VM nobody, train1, noone, spare1 }
        MustBe $seen.Errors.Count 2
        MustBe (($seen.Output.Name) -join ' ') 'train1 spare1'
        $seen = Watch { Get-VM nobody, train1 -ErrorAction SilentlyContinue }
        MustBe $seen.Errors.Count 0
        MustBe $seen.Output.Name train1
        $seen = Watch { Get-VM nobody, train1 -ErrorAction Stop }
        Must ($seen.IsTerminated -and -not $seen.Output) '-ErrorAction Stop does not end it'
        $seen = Watch { $ErrorActionPreference = 'Stop'; Start-VM nobody; 'further' }
        Must ($seen.IsTerminated -and -not $seen.Output) 'the preference of the script is not heard'
        $seen = Watch { Get-VM nobody, train1 -ErrorVariable told -ErrorAction SilentlyContinue; $told.Count }
        MustBe $seen.Output[-1] 1
    }

    Test 'an object does not go to a cluster that it did not come from' {
        $vm = Get-VM spare1
        [void] (Connect-Berth -SocketPath $stage.socket -Name other)
        [void] (MustFail { $vm | Add-VMAssignableDevice -ResourcePoolName GpuChildPool -Session other } WrongSession InvalidArgument)
        MustBe (MustWork { $vm | Get-VMAssignableDevice; 'none' }) none
        Disconnect-Berth other
        MustBe (Get-Configuration $stage) $before 'the configuration'
    }

    Test 'names are completed for VMs, pools, nodes, devices and resources' {
        $cases = @{
            'Get-VM trai' = 'train1'; 'Add-VMAssignableDevice -ResourcePoolName Gpu' = 'GpuChildPool'
            'Suspend-ClusterNode node' = 'node1 node2 node3'; 'Get-ClusterResource Virtual' = "'Virtual Machine cad1'"
            'Dismount-VMHostAssignableDevice -LocationPath node1/0000:c' = $odd; 'Get-VM -Session ber' = 'berth'
            'Get-ClusterResource x | Set-ClusterParameter Off' = 'OfflineAction OfflineTimeout'
        }
        foreach ($line in $cases.Keys) {
            $found = [System.Management.Automation.CommandCompletion]::CompleteInput($line, $line.Length, $null).CompletionMatches.CompletionText
            $wanted = $cases[$line]
            Must ("$found".StartsWith($wanted)) "$line`: $found"
        }
    }

    Complete-Test $Words { Get-Content (Join-Path $stage.directory journal) -Tail 5 }
} finally {
    Stop-Stage $stage
}
