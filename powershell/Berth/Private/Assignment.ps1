# SPDX-License-Identifier: LGPL-2.1-or-later
# What a VM needs of which pools, as one object for each GPU or partition.

# The needs of a VM; which GPU it has now is known only while it has one.
function ConvertTo-BerthAssignment {
    param($Connection, $Vm, [string] $Type)
    foreach ($need in $Vm.needs | Where-Object { $_.pool }) {
        $held = @($Vm.gpus | Where-Object { $_.pool -eq $need.pool })
        for ($i = 0; $i -lt $need.count; $i++) {
            $place = if ($i -lt $held.Count) { "$($Vm.node)/$($held[$i].address)" } else { '' }
            [pscustomobject] @{
                PSTypeName       = $Type
                VMName           = $Vm.name
                ResourcePoolName = $need.pool
                LocationPath     = $place
                ComputerName     = $place ? $Vm.node : ''
                Id               = "$($Vm.name)\$($need.pool)\$i"
                ClusterSession   = $Connection.Name
            }
        }
    }
}

# A pool, by name.
function Get-BerthPoolType {
    param($Connection, [string] $Pool)
    (Invoke-BerthRest $Connection GET (Format-BerthPath 'v1/pools/{0}' $Pool) $null $Pool).type
}

<#
 Assigns or unassigns one GPU of 'Pool' for each of 'Targets'; without a pool, takes back all needs whose pool is of
 one of 'Types'.
#>
function Set-BerthNeed {
    param($Command, $Bound, [string] $Verb, [object[]] $Targets, [string] $Pool, [string[]] $Types)
    $type = $Types -contains 'GpuPartition' ? 'Berth.GpuPartitionAdapter' : 'Berth.AssignableDevice'
    $objects = @($Targets | Where-Object { $_ -and $_ -isnot [string] })
    foreach ($berth in Select-BerthConnection $Bound $objects) {
        try {
            [void] (Resolve-BerthNodeName $berth $Bound['ComputerName'])
            $names = @(Resolve-BerthVMName $berth $Targets)
        } catch {
            Write-BerthFailure $Command $_ $Targets
            continue
        }
        foreach ($name in $names) {
            try {
                $bodies = if ($Pool) { @(@{ pool = $Pool; count = 1 }) } else { @(Get-BerthWholeNeed $berth $name $Types) }
                foreach ($body in $bodies) {
                    Set-BerthOneNeed $Command $berth $name $Verb $body
                }
                if ($Bound['Passthru']) {
                    ConvertTo-BerthAssignment $berth (Get-BerthVMWhole $berth $name) $type
                }
            } catch {
                Write-BerthFailure $Command $_ $name
            }
        }
    }
}

# All that a VM is assigned of pools of 'Types' (none: of any), as bodies for unassign.
function Get-BerthWholeNeed {
    param($Connection, [string] $Name, [string[]] $Types)
    $needs = @((Get-BerthVMWhole $Connection $Name).needs | Where-Object { $_.pool })
    $chosen = @($needs | Where-Object { -not $Types -or (Get-BerthPoolType $Connection $_.pool) -in $Types })
    if (-not $chosen) {
        throw (New-BerthError 'not-assigned' "VM $Name is assigned nothing of that kind." 'ObjectNotFound' $Name `
                $script:Advice['not-assigned'])
    }
    $chosen | ForEach-Object { @{ pool = $_.pool; count = $_.count } }
}

function Set-BerthOneNeed {
    param($Command, $Connection, [string] $Name, [string] $Verb, [hashtable] $Body)
    $what = $Verb -eq 'assign' ? "Assign $($Body.count) of pool $($Body.pool)" : "Take back $($Body.count) of pool $($Body.pool)"
    if (-not $Command.ShouldProcess($Name, $what)) {
        return
    }
    $answer = Invoke-BerthRest $Connection POST ((Format-BerthPath 'v1/vms/{0}/' $Name) + $Verb) $Body $Name
    $Command.WriteVerbose($answer.message)
    if ($Verb -eq 'assign') {
        $vm = Get-BerthVMWhole $Connection $Name
        $have = [int64] ($vm.spec.mmio_mib ?? 0)
        $need = if ($have) { Get-BerthMmioNeed $Connection $vm } else { 0 }
        if ($have -lt $need) {
            $Command.WriteWarning("$Name has $have MiB of memory-mapped IO space, set by hand; its GPUs take $need MiB. " +
                "Set-VM $Name -HighMemoryMappedIoSpace 0 lets Berth compute it.")
        }
    }
}
