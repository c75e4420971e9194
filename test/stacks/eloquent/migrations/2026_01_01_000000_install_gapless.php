<?php

use Illuminate\Database\Migrations\Migration;
use Illuminate\Support\Facades\DB;

class InstallGapless extends Migration
{
    public function up()
    {
        DB::unprepared(file_get_contents(SQL_FILE));
    }
}
